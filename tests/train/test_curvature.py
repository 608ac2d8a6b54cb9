"""The curvature penalty: its formula, and what it does to networks and methods."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill.methods.gradient_matching import mean_gradient
from dd_jax.models import build
from dd_jax.train.curvature import curvature_penalty
from dd_jax.train.losses import cross_entropy
from dd_jax.train.training import trainer

MODEL = build("mlp", 3, (4, 4, 1), mean=(0.5,), std=(0.25,))
RNG = np.random.default_rng(0)
IMAGES = jnp.asarray(RNG.uniform(size=(6, 4, 4, 1)), jnp.float32)
LABELS = jax.nn.one_hot(jnp.arange(6) % 3, 3)


def test_of_logistic_regression_it_is_a_difference_of_two_probabilities():
    """With logits (a x, 0) and label 0: g = -s(-a x) a, so x moves by -h a / ||a||."""
    a = RNG.normal(size=(2, 2, 1)).astype(np.float32)
    images = RNG.normal(size=(5, 2, 2, 1)).astype(np.float32)
    logits_fn = lambda x: jnp.stack([(x * a).sum((1, 2, 3)), jnp.zeros(len(x))], 1)
    labels = jnp.tile(jnp.array([[1.0, 0.0]]), (5, 1))
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    z, length = (images * a).sum((1, 2, 3)), np.linalg.norm(a)
    moved = z - 0.7 * length
    expected = 3.0 * (sigmoid(-moved) - sigmoid(-z)) ** 2 * length**2
    got = curvature_penalty(3.0, 0.7)(logits_fn, jnp.asarray(images), labels)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_of_a_linear_loss_it_is_zero_and_has_finite_gradients_where_there_is_no_slope():
    flat = lambda x: jnp.zeros((len(x), 3)) * x.sum()
    penalty = curvature_penalty(1.0, 0.5)
    np.testing.assert_array_equal(penalty(flat, IMAGES, LABELS), np.zeros(6))
    scaled = lambda s: penalty(lambda x: flat(x) * s, IMAGES, LABELS).sum()
    assert np.isfinite(jax.grad(scaled)(1.0))


@pytest.mark.slow
def test_each_image_has_its_own():
    params = MODEL.init(jax.random.key(0))
    logits_fn, penalty = lambda x: MODEL.apply(params, x), curvature_penalty(2.0, 0.5)
    whole = penalty(logits_fn, IMAGES, LABELS)
    alone = [penalty(logits_fn, IMAGES[i : i + 1], LABELS[i : i + 1]) for i in range(6)]
    np.testing.assert_allclose(whole, np.concatenate(alone), rtol=1e-4, atol=1e-7)


def test_the_mean_gradient_is_that_of_the_penalised_loss():
    params, penalty = MODEL.init(jax.random.key(0)), curvature_penalty(5.0, 0.5)
    weights = jnp.array([1.0, 2.0, 0.0, 1.0, 1.0, 0.5])

    def loss(trainable):
        logits_fn = lambda x: MODEL.apply(MODEL.with_trainable(params, trainable), x)
        losses = [
            cross_entropy(logits_fn(x[None])[0], y)
            + penalty(logits_fn, x[None], y[None])[0]
            for x, y in zip(IMAGES, LABELS)
        ]
        return sum(w * each for w, each in zip(weights, losses)) / weights.sum()

    expected = jax.grad(loss)(MODEL.trainable(params))
    got = mean_gradient(MODEL, params, IMAGES, LABELS, weights, penalty)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected)):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    plain = mean_gradient(MODEL, params, IMAGES, LABELS, weights)
    assert not np.allclose(jax.tree.leaves(plain)[0], jax.tree.leaves(got)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_networks_that_learn_with_it_have_less(name):
    extra = {"depth": 2, "width": 8} if name == "convnet" else {}
    model = build(name, 3, (8, 8, 1), mean=(0.5,), std=(0.25,), **extra)
    images = jnp.asarray(RNG.integers(0, 256, (24, 8, 8, 1), dtype=np.uint8))
    labels = jax.nn.one_hot(jnp.arange(24) % 3, 3)
    pixels = images.astype(jnp.float32) / 255
    measure = curvature_penalty(1.0, 0.5)
    found = []
    for penalty in (None, measure):
        one = trainer(model, penalty=penalty, momentum=0.0, decay="none")
        state = one.init(jax.random.key(0))
        rows, key = jnp.arange(24), jax.random.key(1)
        state, _ = one.advance(key, state, images, labels, rows, 0.1, 60, 0, 60)
        logits_fn = lambda x, params=state.params: model.apply(params, x)
        found.append(float(measure(logits_fn, pixels, labels).mean()))
    assert found[1] < 0.5 * found[0]


def test_it_is_one_object_so_that_programs_are_shared():
    assert curvature_penalty(1.0, 0.5) is curvature_penalty(1.0, 0.5)
