import jax
import jax.numpy as jnp
import naive_layers as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.models.layers import ACTIVATIONS, NORMS, Norm, activate, moments, pool
from dd_jax.types import InputError


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_moments_survive_a_large_common_offset():
    x = 1e3 + draw(0, 3, 9, 7, 4)
    mean, var = moments(x, (1, 2))
    exact = np.asarray(x, np.float64)
    assert mean.shape == var.shape == (3, 1, 1, 4)
    np.testing.assert_allclose(mean, exact.mean((1, 2), keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(var, exact.var((1, 2), keepdims=True), rtol=1e-4)


def test_moments_have_the_gradient_of_the_two_pass_form():
    x, a, b = draw(1, 2, 5, 3, 2), draw(2, 2, 1, 1, 2), draw(3, 2, 1, 1, 2)
    combine = lambda m: jnp.sum(a * m[0] + b * jnp.sin(m[1]))
    plain = lambda x: (x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True))
    one_pass = jax.grad(lambda x: combine(moments(x, (1, 2))))(x)
    np.testing.assert_allclose(
        one_pass, jax.grad(lambda x: combine(plain(x)))(x), atol=1e-6
    )


def test_moments_of_a_constant_are_exact():
    mean, var = moments(jnp.full((1, 4, 4, 1), 0.1), (1, 2))
    assert float(var[0, 0, 0, 0]) == 0.0
    assert float(mean[0, 0, 0, 0]) == np.float32(0.1)


@settings(max_examples=15, deadline=None)
@given(
    h=st.integers(1, 7),
    w=st.integers(1, 7),
    window=st.integers(2, 4),
    kind=st.sampled_from(["avg", "max"]),
)
def test_pool_equals_a_loop(h, w, window, kind):
    x = np.random.default_rng(h * 10 + w).normal(size=(2, h, w, 3)).astype("f4")
    got = jax.jit(pool, static_argnums=(1, 2))(x, kind, window)
    np.testing.assert_allclose(got, naive.pool(x, kind, window), atol=1e-6)


def test_pool_none_and_unknown():
    x = jnp.ones((1, 3, 3, 1))
    assert pool(x, "none") is x
    with pytest.raises(InputError, match="model.pooling is 'mean'; known: avg, max"):
        pool(x, "mean")


def test_max_pool_gives_its_gradient_to_the_maximum():
    x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    gradient = jax.grad(lambda x: jnp.sum(pool(x, "max")))(x)
    np.testing.assert_array_equal(gradient.ravel(), [0, 0, 0, 1])


def normed(kind, x, train=False):
    """A norm layer's output under a scale and offset that are not 1 and 0."""
    layer = Norm(kind)
    params = dict(layer.init(jax.random.key(0), x, False))
    c = x.shape[-1]
    weights = {"scale": 1 + jnp.arange(c) / 10, "bias": jnp.arange(c) / 5}
    if kind != "none":
        params["params"] = weights
    apply = jax.jit(lambda p, x: layer.apply(p, x, train, mutable=["batch_stats"]))
    return apply(params, x), weights


def standardised(x, axes):
    x = np.asarray(x, np.float64)
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


@pytest.mark.parametrize("train", [False, True])
def test_norm_kinds_equal_their_definitions(train):
    x = 3 + 2 * draw(4, 3, 5, 4, 8)
    grouped = standardised(x.reshape(3, 5, 4, 4, 2), (1, 2, 4)).reshape(x.shape)
    expected = {
        "instance": standardised(x, (1, 2)),
        "layer": standardised(x, (1, 2, 3)),
        "group": grouped,
        "batch": standardised(x, (0, 1, 2)) if train else np.asarray(x) / (1 + 5e-6),
    }
    assert {*expected, "none"} == set(NORMS)
    for kind, y in expected.items():
        (got, _), weights = normed(kind, x, train)
        np.testing.assert_allclose(
            got, y * weights["scale"] + weights["bias"], atol=3e-5, err_msg=kind
        )
    (same, statistics), _ = normed("none", x, train)
    np.testing.assert_array_equal(same, x)
    assert not statistics


def test_instance_norm_equals_a_loop():
    x = draw(5, 2, 3, 5, 3)
    (got, _), weights = normed("instance", x)
    expected = naive.instance_norm(x, weights["scale"], weights["bias"])
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_batch_statistics_follow_the_running_average():
    layer, x = Norm("batch"), jnp.array([1.0, 3.0, 5.0, 7.0]).reshape(2, 2, 1, 1)
    params = layer.init(jax.random.key(0), x, False)
    assert float(params["batch_stats"]["mean"][0]) == 0.0
    assert float(params["batch_stats"]["var"][0]) == 1.0
    # mean 4; biased variance 5, unbiased 20/3
    _, once = layer.apply(params, x, True, mutable=["batch_stats"])
    np.testing.assert_allclose(once["batch_stats"]["mean"], [0.4], rtol=1e-6)
    np.testing.assert_allclose(once["batch_stats"]["var"], [0.9 + 2 / 3], rtol=1e-6)
    _, twice = layer.apply({**params, **once}, x, True, mutable=["batch_stats"])
    np.testing.assert_allclose(twice["batch_stats"]["mean"], [0.76], rtol=1e-6)
    np.testing.assert_allclose(
        twice["batch_stats"]["var"], [0.9 * (0.9 + 2 / 3) + 2 / 3], rtol=1e-6
    )
    # evaluation uses the running statistics: (1 - 0.76) / sqrt(2.0767)
    y = layer.apply({**params, **twice}, x, False)
    np.testing.assert_allclose(y[0, 0, 0, 0], 0.24 / np.sqrt(2.07667), rtol=1e-4)


@pytest.mark.parametrize(
    "kind, shape, message",
    [
        (
            "instances",
            (1, 2, 2, 4),
            "model.norm is 'instances'; known: instance, batch",
        ),
        ("instance", (2, 1, 1, 4), "'instance' erases 1x1 feature maps: take larger"),
        ("group", (1, 2, 2, 6), "'group' needs channels in multiples of 4; got 6"),
    ],
)
def test_norm_refuses(kind, shape, message):
    with pytest.raises(InputError, match=message):
        Norm(kind).init(jax.random.key(0), jnp.ones(shape), False)


def test_activations():
    x = jnp.array([-2.0, 0.0, 3.0])
    sigmoid = 1 / (1 + np.exp([2.0, 0.0, -3.0]))
    expected = {
        "relu": [0, 0, 3],
        "sigmoid": sigmoid,
        "leaky_relu": [-0.02, 0, 3],
        "swish": np.asarray(x) * sigmoid,
    }
    assert set(expected) == set(ACTIVATIONS)
    for kind, y in expected.items():
        np.testing.assert_allclose(activate(x, kind), y, rtol=1e-6, err_msg=kind)
    with pytest.raises(InputError, match="model.activation is 'elu'; known: relu"):
        activate(x, "elu")
