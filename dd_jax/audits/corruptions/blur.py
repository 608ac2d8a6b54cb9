"""Blur corruptions of one image."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.audits.corruptions.filters import (
    filter_image,
    gaussian,
    motion_blurred,
    pixel_scale,
    zoomed,
)
from dd_jax.types import Array, Key

MAX_DEFOCUS_RADIUS = 1.5
MAX_GLASS_SIGMA = 0.4
MAX_MOTION_LENGTH = 18.0  # twice ImageMagick's radius


def defocus_blur(key: Key, image: Array, radius: Array, alias: Array) -> Array:
    """Averages over a disk of `radius`, its edge smoothed by a Gaussian of `alias`."""
    del key
    scale = pixel_scale(image)
    reach = math.ceil(MAX_DEFOCUS_RADIUS * scale) + math.ceil(scale)
    squared = jnp.square(jnp.arange(-reach, reach + 1))
    disk = (squared[:, None] + squared <= (radius * scale) ** 2).astype(jnp.float32)
    smooth = filter_image(disk[..., None], gaussian(alias * scale, math.ceil(scale)))
    return filter_image(image, smooth[..., 0] / smooth.sum())


def glass_blur(key: Key, image: Array, sigma: Array, iterations: Array) -> Array:
    """Local shuffling of pixels, `iterations` times, between two Gaussian blurs."""
    scale = pixel_scale(image)
    kernel = gaussian(sigma * scale, math.ceil(4 * MAX_GLASS_SIGMA * scale))
    displaced = _displaced(key, filter_image(image, kernel), round(scale), iterations)
    return filter_image(displaced, kernel)


def _displaced(key: Key, image: Array, reach: int, iterations: Array) -> Array:
    """Each pixel from a random place `-reach .. reach - 1` rows and columns away."""
    h, w, _ = image.shape
    y, x = jnp.mgrid[:h, :w]

    def shuffle(i, image):
        steps = jax.random.randint(jax.random.fold_in(key, i), (2, h, w), -reach, reach)
        return image[jnp.clip(y + steps[0], 0, h - 1), jnp.clip(x + steps[1], 0, w - 1)]

    return lax.fori_loop(0, iterations.astype(int), shuffle, image)


def motion_blur(key: Key, image: Array, length: Array, sigma: Array) -> Array:
    """Motion blur within 45 degrees of horizontal; see `motion_blurred`."""
    angle = jax.random.uniform(key, minval=-jnp.pi / 4, maxval=jnp.pi / 4)
    return motion_blurred(image, length, sigma, angle, MAX_MOTION_LENGTH)


def zoom_blur(key: Key, image: Array, zooms: Array) -> Array:
    """Mean of the image and `zooms` enlargements by 1, 1.01, 1.02, ...

    Differs from the released code in: enlarges about the centre by interpolation, and
    does not round the size of the crop; 6 and 11 enlargements at the mildest
    severities, where floating-point rounding makes it 7 and 12 there.
    """
    del key
    enlarge = lambda i, total: total + zoomed(image, 1 + 0.01 * i)
    return lax.fori_loop(0, zooms.astype(int), enlarge, image) / (zooms + 1)
