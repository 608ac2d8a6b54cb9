import io

import numpy as np
from PIL import Image

from dd_jax.report.image_grid import image_grid


def picture(images, labels, **options):
    png = image_grid(images, labels, **options)
    return np.asarray(Image.open(io.BytesIO(png)))


def test_image_grid_puts_classes_in_rows():
    images = np.zeros((3, 20, 40, 1), np.float32)
    images[1] = 0.5
    images[2] = 7.0
    labels = np.array([[0.1, 0.9], [0.1, 0.9], [1.0, 0.0]])
    grid = picture(images, labels)
    assert grid.shape == (2 * 20 + 4, 2 * 40 + 4)
    np.testing.assert_array_equal(grid[:20, :40], 255)  # class 0, clipped
    np.testing.assert_array_equal(grid[24:, :40], 0)
    np.testing.assert_array_equal(grid[24:, 44:], 128)
    np.testing.assert_array_equal(grid[20:24], 255)


def test_image_grid_enlarges_small_images_without_blur():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1) / 64
    grid = picture(image, np.ones((1, 1)))
    small = np.round(255 * image[0, ..., 0]).astype(np.uint8)
    np.testing.assert_array_equal(grid, small.repeat(6, 0).repeat(6, 1))


def test_image_grid_keeps_colour_and_cuts_rows():
    images = np.zeros((5, 48, 48, 3), np.float32)
    images[..., 0] = 1
    grid = picture(images, np.ones((5, 1)), columns=2)
    assert grid.shape == (48, 100, 3)
    np.testing.assert_array_equal(grid[0, 0], [255, 0, 0])
