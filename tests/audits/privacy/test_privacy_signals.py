import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits.privacy.signals import (
    log_likelihoods,
    pool_repeats,
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


@pytest.mark.parametrize("flip", [False, True])
def test_queries_are_all_shifts_filled_by_reflection(flip):
    images = np.random.default_rng(0).random((2, 5, 4, 1)).astype(np.float32)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = [padded[:, i : i + 5, j : j + 4] for i in range(5) for j in range(5)]
    expected = windows + [w[:, :, ::-1] for w in windows if flip]
    shown = [np.asarray(query(images)) for query in queries(flip=flip, shift=2)]
    np.testing.assert_array_equal(shown[0], images)
    as_bytes = lambda arrays: sorted(a.tobytes() for a in arrays)
    assert as_bytes(shown) == as_bytes(expected)
    assert queries(flip=flip, shift=2) is queries(flip=flip, shift=2)


@pytest.mark.parametrize("classes", [2, 4])
def test_pooled_repeats_match_float64_means(classes):
    rng = np.random.default_rng(3)
    z = 3 * rng.normal(size=(2, 5, 3, 2, classes))  # m n r q k
    y = rng.integers(0, classes, 5)
    found = np.asarray(pool_repeats(z.astype(np.float32), y), np.float64)
    assert found.shape == (2, 5, 2, classes)
    p, pooled = (np.exp(a) / np.exp(a).sum(-1, keepdims=True) for a in (z, found))
    for i, label in enumerate(y):
        odds = p[:, i, ..., label] / (1 - p[:, i, ..., label])
        got = pooled[:, i, :, label] / (1 - pooled[:, i, :, label])
        np.testing.assert_allclose(np.log(got), np.log(odds).mean(1), atol=1e-4)
        wrong = np.delete(p[:, i], label, -1)
        mean = np.exp(np.log(wrong / wrong.sum(-1, keepdims=True)).mean(1))
        rest = np.delete(pooled[:, i], label, -1)
        np.testing.assert_allclose(
            rest / rest.sum(-1, keepdims=True),
            mean / mean.sum(-1, keepdims=True),
            rtol=1e-4,
        )


def test_one_repeat_keeps_every_probability():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(2, 5, 1, 2, 3)).astype(np.float32)
    found = pool_repeats(z, rng.integers(0, 3, 5))
    np.testing.assert_allclose(
        jax.nn.softmax(found), jax.nn.softmax(z[:, :, 0]), rtol=1e-5
    )
