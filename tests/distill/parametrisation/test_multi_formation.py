"""Tiles of stored images against loops, their adjoint, and whole starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import real_data
from dd_jax.distill.parametrisation.multi_formation import (
    join_tiles,
    split_tiles,
    tile_side,
)
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.types import PIXELS


def bilinear(image, height, width):
    """Samples one channel at pixel centres, clamped at the border."""
    h, w = image.shape
    out = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y = np.clip((i + 0.5) * h / height - 0.5, 0, h - 1)
            x = np.clip((j + 0.5) * w / width - 0.5, 0, w - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            a, b = y - y0, x - x0
            top = (1 - b) * image[y0, x0] + b * image[y0, x1]
            low = (1 - b) * image[y1, x0] + b * image[y1, x1]
            out[i, j] = (1 - a) * top + a * low
    return out


def tiles_by_loop(image, factor):
    h, w = image.shape
    rows, columns = tile_side(h, factor), tile_side(w, factor)
    padded = np.zeros((rows * factor, columns * factor))
    padded[:h, :w] = image
    tiles = []
    for i in range(factor):
        for j in range(factor):
            tile = padded[i * rows : (i + 1) * rows]
            tiles.append(bilinear(tile[:, j * columns : (j + 1) * columns], h, w))
    return tiles


@pytest.mark.parametrize("shape, factor", [((8, 8), 2), ((8, 8), 3), ((5, 7), 2)])
def test_tiles_equal_a_loop(shape, factor):
    h, w = shape
    images = np.random.default_rng(0).normal(size=(2, h, w, 1)).astype(np.float32)
    expected = [t for image in images[..., 0] for t in tiles_by_loop(image, factor)]
    got = split_tiles(jnp.asarray(images), factor)
    assert got.shape == (2 * factor**2, h, w, 1)
    np.testing.assert_allclose(got[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("shape, factor", [((6, 6), 2), ((5, 4), 3)])
def test_the_adjoint_of_splitting_is_the_transpose_of_the_loop(shape, factor):
    """Gradients of tiles come back to the pixels that they were made from."""
    h, w = shape
    unit = np.eye(h * w).reshape(-1, h, w)
    matrix = np.stack([np.ravel(tiles_by_loop(image, factor)) for image in unit], 1)
    b = jax.random.normal(jax.random.key(1), (factor**2, h, w, 1))
    split = lambda x: split_tiles(x, factor)
    _, back = jax.vjp(split, jnp.zeros((1, h, w, 1)))
    np.testing.assert_allclose(back(b)[0].ravel(), matrix.T @ b.ravel(), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3])
def test_joined_smooth_images_come_back(factor):
    ramp = jnp.linspace(0, 1, 12)
    images = jnp.stack([ramp[:, None] * (i + 1) + 0 * ramp for i in range(factor**2)])
    images = images[..., None]
    back = split_tiles(join_tiles(images, factor), factor)
    middle = slice(3, -3)
    np.testing.assert_allclose(back[:, middle], images[:, middle], atol=0.01)


@pytest.mark.parametrize("multi, per_image", [(False, 4), (True, 5)])
def test_a_set_decodes_to_tiles_with_the_labels_of_their_class(multi, per_image):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3, dtype=np.int32), 4)
    images = rng.integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    learner = synthetic(ipc=2, lr=1.0, space=PIXELS, factor=2, multi=multi)
    state = learner.init(jax.random.key(0), real_data(images, labels))
    assert state.params["images"].shape == (3, 2, 8, 8, 1)
    made = learner.read(state)
    assert made.images.shape == (3 * 2 * per_image, 8, 8, 1)
    expected = np.repeat(np.eye(3), 2 * per_image, 0)
    np.testing.assert_array_equal(made.labels, expected)


def test_two_keys_start_from_other_images():
    labels = np.repeat(np.arange(2, dtype=np.int32), 40)
    images = np.random.default_rng(0).integers(0, 256, (80, 4, 4, 1), dtype=np.uint8)
    learner = synthetic(ipc=1, lr=1.0, space=PIXELS, factor=2)
    real = real_data(images, labels)
    first, other = (
        learner.init(jax.random.key(seed), real).params["images"] for seed in (0, 1)
    )
    assert np.abs(first - other).max() > 0.1
