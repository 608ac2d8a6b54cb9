"""Blur corruptions of one image."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.audits.corruptions.filters import convolve, gaussian, streaked, unit, zoomed
from dd_jax.types import Array, Key

WIDEST = 1.5  # defocus radius
FROSTED = 0.4  # widest blur of glass
LONGEST = 18.0  # motion streak, twice ImageMagick's radius


def defocus_blur(key: Key, image: Array, radius: Array, alias: Array) -> Array:
    """Averages over a disk of `radius`, its edge smoothed by a Gaussian of `alias`."""
    del key
    scale = unit(image)
    reach = math.ceil(WIDEST * scale) + math.ceil(scale)
    squared = jnp.square(jnp.arange(-reach, reach + 1))
    disk = (squared[:, None] + squared <= (radius * scale) ** 2).astype(jnp.float32)
    smooth = convolve(disk[..., None], gaussian(alias * scale, math.ceil(scale)))
    return convolve(image, smooth[..., 0] / smooth.sum())


def glass_blur(key: Key, image: Array, sigma: Array, rounds: Array) -> Array:
    """Pixels taken from near neighbours, `rounds` times, between two blurs."""
    scale = unit(image)
    kernel = gaussian(sigma * scale, math.ceil(4 * FROSTED * scale))
    displaced = _displaced(key, convolve(image, kernel), round(scale), rounds)
    return convolve(displaced, kernel)


def _displaced(key: Key, image: Array, reach: int, rounds: Array) -> Array:
    """Each pixel from a random place `-reach .. reach - 1` rows and columns away."""
    h, w, _ = image.shape
    y, x = jnp.mgrid[:h, :w]

    def one_round(i, image):
        steps = jax.random.randint(jax.random.fold_in(key, i), (2, h, w), -reach, reach)
        return image[jnp.clip(y + steps[0], 0, h - 1), jnp.clip(x + steps[1], 0, w - 1)]

    return lax.fori_loop(0, rounds.astype(int), one_round, image)


def motion_blur(key: Key, image: Array, length: Array, sigma: Array) -> Array:
    """A streak within 45 degrees of level; see `streaked`."""
    angle = jax.random.uniform(key, minval=-jnp.pi / 4, maxval=jnp.pi / 4)
    return streaked(image, length, sigma, angle, LONGEST)


def zoom_blur(key: Key, image: Array, zooms: Array) -> Array:
    """Mean of the image and its enlargements by 1, 1.01, ..., so many of them.

    Differs from the released code in: enlarges about the centre by interpolation, and
    does not round the part that is cut out; 6 and 11 enlargements at the mildest
    severities, where floating-point rounding makes it 7 and 12 there.
    """
    del key
    enlarge = lambda i, total: total + zoomed(image, 1 + 0.01 * i)
    return lax.fori_loop(0, zooms.astype(int), enlarge, image) / (zooms + 1)
