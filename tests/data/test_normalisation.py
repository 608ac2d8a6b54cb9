"""Normalisation constants: known data sets, measured ones, constant channels."""

import numpy as np

from dd_jax.data.statistics import channel_statistics, published_statistics


def test_measured_equals_numpy():
    x = np.random.default_rng(0).integers(0, 256, (5, 7, 6, 3), np.uint8)
    mean, std = channel_statistics(x)
    np.testing.assert_allclose(mean, (x / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (x / 255).std((0, 1, 2)), rtol=1e-10)


def test_constant_channel():
    mean, std = channel_statistics(np.full((2, 3, 3, 1), 51, np.uint8))
    np.testing.assert_allclose(mean, (0.2,))
    assert std == (0.001,)


def test_fashion_mnist_is_distinguished_from_mnist_by_its_mean():
    x = np.zeros((60000, 28, 28, 1), np.uint8)
    x[..., 0] = np.round(255 * 0.2861)
    assert published_statistics(x) == ((0.2861,), (0.3530,))
    x[...] = np.round(255 * 0.2)
    assert published_statistics(x) is None
    assert published_statistics(x[:100]) is None
