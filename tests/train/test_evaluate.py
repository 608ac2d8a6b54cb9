"""Evaluation in batches equals the network applied to everything at once."""

import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.train import logits, predictions
from dd_jax.types import Model

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 3, 3, 1), dtype=np.uint8)
WEIGHTS = np.random.default_rng(1).normal(size=(4, 9, 5)).astype(np.float32)


def apply(params, images):
    assert images.dtype == jnp.float32
    return images.reshape(len(images), -1) @ params["w"]


MODEL = Model(None, apply, None, None)


@pytest.mark.parametrize("batch", [1, 3, 7, 64])
def test_logits_equal_one_application(batch):
    got = logits(MODEL, {"w": WEIGHTS[0]}, IMAGES, batch=batch)
    assert got.shape == (7, 5)
    expected = (IMAGES / 255).reshape(7, -1) @ WEIGHTS[0]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_bytes_and_floats_agree():
    params = {"w": WEIGHTS[0]}
    floats = logits(MODEL, params, IMAGES / np.float32(255))
    np.testing.assert_allclose(logits(MODEL, params, IMAGES), floats, atol=1e-6)


def test_predictions_of_several_networks():
    got = predictions(MODEL, {"w": WEIGHTS}, IMAGES)
    each = (IMAGES / 255).reshape(7, -1) @ WEIGHTS
    assert got.dtype.kind == "i"
    np.testing.assert_array_equal(got, each.argmax(-1))
