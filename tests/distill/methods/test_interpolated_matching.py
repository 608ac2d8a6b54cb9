"""DANCE and NCFM: their steps against loops over classes, their parts by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from dd_jax.distill import METHODS
from dd_jax.distill.base import real_data
from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.methods.ncfm import characteristic, characteristic_distances
from dd_jax.models import build

K, B, IPC, WIDTH = 3, 4, 2, 128
RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(K, dtype=np.int32), 5)
IMAGES = RNG.integers(0, 256, (len(LABELS), 4, 4, 1), dtype=np.uint8)


def mlp():
    return build("mlp", K, (4, 4, 1))


def flat(seed):
    return ravel_pytree(mlp().init(jax.random.key(seed)))[0]


def halved(key, images):
    return images * jax.random.uniform(key, minval=0.5)


def problem(name, **options):
    """A method, its first state and a batch."""
    path = np.stack([flat(1), flat(2)]).astype(np.float16)[None]
    real = real_data(IMAGES, LABELS)._replace(experts=path)
    options = {"factor": 1, "batch_real": B, "augment": halved} | options
    method = METHODS[name](mlp(), ipc=IPC, init="noise", **options)
    state = method.init(jax.random.key(0), real)
    return method, state, method.sample(jax.random.key(1), real)


def networks(drawn):
    """The interpolated network and the expert's end."""
    start, end = np.asarray(drawn.path, np.float32)
    place = float(drawn.place)
    unravel = ravel_pytree(mlp().init(jax.random.key(0)))[1]
    return unravel(place * start + (1 - place) * end), unravel(jnp.asarray(end))


def augmentations(key):
    """Of each class, in the two steps; and the key of frequencies."""
    match_key, embed_key, own_key = jax.random.split(key, 3)
    split = lambda k: jax.random.split(k, K)
    return split(match_key), split(own_key), embed_key


def squared(params, real, ours, drawn, key):
    z = lambda images: np.asarray(mlp().features(params, images))
    weights = np.asarray(drawn.match.weights)
    total = 0
    for c in range(K):
        x, s = halved(key[c], drawn.match.images[c]), halved(key[c], ours[c])
        mean = (weights[c][:, None] * z(x)).sum(0) / weights[c].sum()
        total += np.square(mean - z(s).mean(0)).sum()
    return total


def test_weights_come_back_in_their_order():
    params = mlp().init(jax.random.key(3))
    found = unraveller(mlp())(ravel_pytree(params)[0])
    jax.tree.map(np.testing.assert_array_equal, found, params)


def test_the_loss_of_dance_is_a_loop_over_classes():
    method, state, drawn = problem("dance")
    key = jax.random.key(5)
    match_keys, _, _ = augmentations(key)
    ours = np.asarray(method.read(state).images).reshape(K, IPC, 4, 4, 1)
    between, _ = networks(drawn)
    expected = squared(between, None, ours, drawn, match_keys)
    _, info = jax.jit(method.update)(key, state, drawn)
    assert float(info["loss"]) == pytest.approx(float(expected), rel=1e-4)
    assert float(info["terms"].sum()) == pytest.approx(float(expected), rel=1e-4)


def test_a_step_of_dance_is_two_steps_of_descent():
    lr, weight = 0.02, 3.0
    method, state, drawn = problem("dance", lr=lr, expert_weight=weight)
    key = jax.random.key(5)
    match_keys, own_keys, _ = augmentations(key)
    between, end = networks(drawn)
    images = jnp.asarray(state.params["images"])
    means = jnp.stack(
        [
            mlp().features(between, halved(k, x)).mean(0)
            for k, x in zip(match_keys, drawn.match.images)
        ]
    )

    def matching(images):
        ours = [
            mlp().features(between, halved(*one)) for one in zip(match_keys, images)
        ]
        return sum(jnp.sum((m - z.mean(0)) ** 2) for m, z in zip(means, ours))

    def own(images):
        total = 0.0
        for c, (k, x) in enumerate(zip(own_keys, images)):
            total -= jax.nn.log_softmax(mlp().apply(end, halved(k, x)))[:, c].sum()
        return weight * total / IPC  # a mean for each class

    first = jax.grad(matching)(images)
    half = jnp.clip(images - lr * first, 0, 1)
    second = jax.grad(own)(half)
    expected = jnp.clip(half - lr * (second + 0.5 * first), 0, 1)  # momentum 0.5
    new, info = jax.jit(method.update)(key, state, drawn)
    np.testing.assert_allclose(new.params["images"], expected, atol=1e-5)
    assert float(info["expert_loss"]) == pytest.approx(float(own(half)), rel=1e-4)


def test_without_the_experts_loss_there_is_one_step():
    method, state, drawn = problem("dance", expert_weight=0.0)
    _, info = jax.jit(method.update)(jax.random.key(5), state, drawn)
    assert "expert_loss" not in info


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_the_distance_counts_amplitude_and_phase_alike(seed):
    rng = np.random.default_rng(seed)
    p, q = (rng.normal(size=(2, 5)) + 1j * rng.normal(size=(2, 5)) for _ in range(2))
    amplitude = (np.abs(p) - np.abs(q)) ** 2
    phase = 2 * (np.abs(p) * np.abs(q) - np.real(p * np.conj(q)))
    expected = np.sqrt(0.5 * amplitude + 0.5 * phase).mean(-1)
    parts = [np.concatenate([z.real, z.imag], -1) for z in (p, q)]
    found = characteristic_distances(*map(jnp.asarray, parts))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    several = characteristic_distances(jnp.asarray(parts[0])[:, None], parts[1])
    np.testing.assert_allclose(several[:, 0], expected, rtol=1e-4)


def test_equal_sets_have_no_distance_and_a_finite_slope():
    p = jnp.ones((1, 4))
    value, slope = jax.value_and_grad(lambda q: characteristic_distances(p, q)[0])(p)
    assert float(value) < 1e-5 and np.isfinite(slope).all()


def test_the_loss_of_ncfm_is_that_of_characteristic_functions():
    method, state, drawn = problem("ncfm", frequencies=7, scale=10.0)
    key = jax.random.key(5)
    match_keys, _, embed_key = augmentations(key)
    between, _ = networks(drawn)
    t = np.asarray(jax.random.normal(embed_key, (7, WIDTH)))
    ours = np.asarray(method.read(state).images).reshape(K, IPC, 4, 4, 1)
    phi = lambda z: np.exp(1j * (z / np.linalg.norm(z, axis=1)[:, None]) @ t.T).mean(0)
    expected = 0.0
    for c in range(K):
        real, mine = (
            phi(np.asarray(mlp().features(between, halved(match_keys[c], images))))
            for images in (drawn.match.images[c], ours[c])
        )
        expected += 10 * np.mean(np.abs(real - mine)) / np.sqrt(2)
    _, info = jax.jit(method.update)(key, state, drawn)
    assert float(info["loss"]) == pytest.approx(expected, rel=1e-4)


def test_characteristic_features_are_cosines_and_sines():
    frequencies = jnp.asarray(RNG.normal(size=(3, WIDTH)), jnp.float32)
    params, images = mlp().init(jax.random.key(0)), jnp.asarray(IMAGES[:2] / 255.0)
    z = np.asarray(mlp().features(params, images))
    angles = z / np.linalg.norm(z, axis=1)[:, None] @ frequencies.T
    found = characteristic(mlp()).features((params, frequencies), images)
    expected = np.concatenate([np.cos(angles), np.sin(angles)], -1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_learning_rate_of_dance_grows_with_the_images():
    moved = [
        jax.jit(method.update)(jax.random.key(5), state, drawn)[0].params["images"]
        for method, state, drawn in (problem("dance"), problem("dance", lr=0.01 * IPC))
    ]
    np.testing.assert_array_equal(*moved)


def test_experts_train_with_momentum():
    assert not any(problem(name)[0].experts.plain for name in ("dance", "ncfm"))


def test_steps_without_experts_are_refused():
    method, _, _ = problem("dance")
    with pytest.raises(ValueError, match="has to hold the epochs"):
        method.sample(jax.random.key(0), real_data(IMAGES, LABELS))
