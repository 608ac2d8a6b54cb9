"""Distances between gradients against loops and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill.methods.distances import DISTANCES


def gradient(seed):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    return {
        "conv": {"kernel": draw(3, 3, 2, 4), "bias": draw(4)},
        "linear": {"kernel": draw(6, 5), "bias": draw(5)},
    }


def naive_cosine(a, b):
    total = 0.0
    for layer in ("conv", "linear"):
        x, y = a[layer]["kernel"], b[layer]["kernel"]
        for out in range(x.shape[-1]):
            u, v = x[..., out].ravel(), y[..., out].ravel()
            total += 1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v) + 1e-6)
    return total


def naive_flat_cosine(a, b):
    u, v = (np.concatenate([x.ravel() for x in jax.tree.leaves(t)]) for t in (a, b))
    return 1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v) + 1e-6)


def naive_squared(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b))
    return sum(((x - y) ** 2).sum() for x, y in pairs)


NAIVE = {
    "cosine": naive_cosine,
    "flat_cosine": naive_flat_cosine,
    "squared": naive_squared,
    "kernel_squared": lambda a, b: naive_squared(
        a["conv"]["kernel"], b["conv"]["kernel"]
    ),
    "kernel_absolute": lambda a, b: np.abs(
        a["conv"]["kernel"] - b["conv"]["kernel"]
    ).sum(),
}


def test_every_distance_has_a_naive_reference():
    assert set(NAIVE) == set(DISTANCES)


@pytest.mark.parametrize("name", DISTANCES)
def test_distance_equals_a_loop(name):
    a, b = gradient(0), gradient(1)
    got = jax.jit(DISTANCES[name])(a, b)
    np.testing.assert_allclose(got, NAIVE[name](a, b), rtol=1e-4)


@pytest.mark.parametrize("name", DISTANCES)
def test_distance_to_itself_is_nothing_and_its_gradient_is_finite(name):
    a = gradient(0)
    assert float(jax.jit(DISTANCES[name])(a, a)) < 1e-4
    zero = jax.tree.map(jnp.zeros_like, a)
    slope_at = jax.jit(jax.grad(DISTANCES[name]))
    for x, y in ((a, a), (zero, a), (a, zero)):
        assert all(np.isfinite(s).all() for s in jax.tree.leaves(slope_at(x, y)))


@pytest.mark.parametrize("name", ["cosine", "flat_cosine"])
def test_cosines_do_not_see_the_scale(name):
    a, b = gradient(0), gradient(1)
    scaled = jax.tree.map(lambda x: 7 * x, b)
    np.testing.assert_allclose(
        DISTANCES[name](a, scaled), DISTANCES[name](a, b), rtol=1e-4
    )


def test_opposite_rows_count_two_each():
    a = gradient(0)
    opposite = jax.tree.map(lambda x: -x, a)
    assert float(DISTANCES["cosine"](a, opposite)) == pytest.approx(2 * (4 + 5), 1e-4)


def test_kernel_distances_take_all_weights_where_nothing_is_convolved():
    a, b = ({"linear": gradient(seed)["linear"]} for seed in (0, 1))
    expected = ((a["linear"]["kernel"] - b["linear"]["kernel"]) ** 2).sum()
    np.testing.assert_allclose(DISTANCES["kernel_squared"](a, b), expected, rtol=1e-5)
