import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits.privacy.signals import (
    log_likelihoods,
    queries,
    query_logits,
    scaled_logits,
)
from dd_jax.types import InputError


def test_scaled_logits_golden():
    z = jnp.broadcast_to(jnp.array([2.0, 1.0, 0.5, -1.0]), (1, 4, 1, 4))
    phi = scaled_logits(z, jnp.arange(4))[0, :, 0]
    np.testing.assert_allclose(
        phi, [0.445043, -1.241311, -1.849012, -3.464369], atol=1e-6
    )


@pytest.mark.parametrize("phi", [-1e4, -3.0, 0.0, 2.5, 1e4])
def test_scaled_logits_of_two_classes_are_the_difference(phi):
    z = jnp.array([phi, 0.0]).reshape(1, 1, 1, 2)
    assert scaled_logits(z, jnp.array([0])).item() == phi
    assert scaled_logits(z, jnp.array([1])).item() == -phi


def test_signals_match_float64_probabilities():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3, 5, 2, 4)).astype(np.float32)
    y = rng.integers(0, 4, 5)
    p = np.exp(z.astype(np.float64))
    p /= p.sum(-1, keepdims=True)
    p_y = p[:, np.arange(5), :, y].transpose(1, 0, 2)
    np.testing.assert_allclose(
        scaled_logits(z, y), np.log(p_y / (1 - p_y)), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(log_likelihoods(z, y), np.log(p_y), rtol=1e-4, atol=1e-5)


def test_one_class_is_refused():
    with pytest.raises(InputError, match="1 class; membership scores need at least 2"):
        scaled_logits(jnp.zeros((4, 3, 1, 1)), jnp.zeros(3, int))


def _linear(params, images):
    return images.reshape(len(images), -1) @ params["w"]


def _images(n=7):
    return np.random.default_rng(1).integers(0, 256, (n, 3, 4, 2)).astype(np.uint8)


def _params():
    return {"w": jax.random.normal(jax.random.key(0), (5, 24, 3))}


@pytest.mark.parametrize("chunk", [1, 3, 7, 500])
def test_query_logits_match_a_loop(chunk):
    images, params = _images(), _params()
    found = query_logits(_linear, params, images, queries(flip=True), chunk=chunk)
    assert found.shape == (5, 7, 2, 3)
    pixels = images.astype(np.float64) / 255
    for s in range(5):
        for q, shown in enumerate([pixels, pixels[:, :, ::-1]]):
            expected = shown.reshape(7, -1) @ np.asarray(params["w"][s], np.float64)
            np.testing.assert_allclose(found[s, :, q], expected, rtol=1e-4, atol=1e-4)


def test_float_images_are_taken_as_they_are():
    images, params = _images(), _params()
    as_bytes = query_logits(_linear, params, images, queries())
    as_floats = query_logits(_linear, params, (images / 255.0), queries())
    assert as_bytes.shape == (5, 7, 1, 3)
    np.testing.assert_allclose(as_bytes, as_floats, rtol=1e-5, atol=1e-5)
