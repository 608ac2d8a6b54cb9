"""Robust distillation: which images it hands on, and what the wrapper leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.wrappers import robust
from dd_jax.distill.wrappers.robust_distillation import nearest_mean
from dd_jax.types import Model

KEY, SHAPE = jax.random.key(0), (2, 2, 1)


def feature_model():
    """Features are the pixels times the parameters; `init` draws signs."""
    init = lambda key: jax.random.rademacher(key, (4,), jnp.float32)

    def features(params, images, train=False):
        return images.reshape(len(images), -1) * params

    return Model(init, features, features, lambda p, x: (features(p, x), {}))


MODEL = feature_model()


@pytest.fixture(scope="module")
def real():
    """Class 0 is dark, class 1 bright; 6 and 4 images."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], (6, 4))
    images = rng.integers(80, 110, (10, *SHAPE)) + 60 * labels[:, None, None, None]
    return real_data(images.astype(np.uint8), labels)


def wrapped(eps=0.05, steps=4):
    method = METHODS["dm"](MODEL, ipc=1, batch_real=5)
    return method, robust(method, MODEL, eps=eps, steps=steps)


def test_images_move_by_eps_towards_the_other_class(real):
    method, mitigated = wrapped()
    key = jax.random.key(5)
    clean = method.sample(jax.random.split(key, 3)[0], real)
    attacked = jax.jit(mitigated.sample)(key, real)
    np.testing.assert_array_equal(attacked.weights, clean.weights)
    moved = np.asarray(attacked.images - clean.images)
    # squared features do not see the signs: the nearest way is brighter, or darker
    np.testing.assert_allclose(moved[0], 0.05, atol=1e-6)
    np.testing.assert_allclose(moved[1], -0.05, atol=1e-6)


def test_nearest_mean_by_hand():
    images = jnp.array([[0.1, 0.3], [0.7, 0.9]])[..., None, None, None]
    images = jnp.broadcast_to(images, (2, 2, *SHAPE))
    weights = jnp.array([[1.0, 1.0], [1.0, 0.0]])  # means 0.2 and 0.7
    logits_fn = nearest_mean(MODEL, jnp.ones(4), images, weights)
    # distance^2 between the means 4 * 0.25, halved over the four pairs
    at = jnp.full((1, *SHAPE), 0.4)
    expected = [[-4 * 0.04 / 0.5, -4 * 0.09 / 0.5]]
    np.testing.assert_allclose(logits_fn(at), expected, rtol=1e-5)


def test_pixels_stay_in_the_box_and_the_ball(real):
    method, mitigated = wrapped(eps=0.9, steps=3)
    clean = method.sample(jax.random.split(KEY, 3)[0], real).images
    attacked = np.asarray(mitigated.sample(KEY, real).images)
    assert attacked.min() >= 0 and attacked.max() <= 1
    assert np.abs(attacked - clean).max() <= 0.9 + 1e-6
    assert np.abs(attacked - clean).max() > 0.05


def test_only_sampling_changes_and_nothing_where_it_is_off():
    method, mitigated = wrapped()
    assert mitigated._replace(sample=method.sample) == method
    assert robust(method, MODEL, eps=0.05, steps=4) is mitigated  # hence one compile
    assert robust(method, MODEL, eps=0.0, steps=4) is method
    chosen = METHODS["random"](MODEL, ipc=1)
    assert robust(chosen, MODEL, eps=0.1, steps=4) is chosen
