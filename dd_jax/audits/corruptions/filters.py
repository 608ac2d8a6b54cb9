"""Filters and resampling of one image; widths and directions may be traced."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.types import Array

SIDE = 32  # of the benchmark's images, for which its lengths are stated


def pixel_scale(image: Array) -> float:
    """Factor of all lengths: the shorter side over 32 pixels, at least 1.

    Lengths do not shrink for smaller images, since a blur of less than a pixel has no
    effect.

    >>> pixel_scale(jnp.zeros((64, 96, 1))), pixel_scale(jnp.zeros((28, 28, 1)))
    (2.0, 1.0)
    """
    return max(min(image.shape[:2]) / SIDE, 1.0)


def gaussian(sigma: Array, reach: int) -> Array:
    """Kernel `exp(-(i^2 + j^2) / (2 sigma^2))`, of sum 1.

    Args:
      sigma: in pixels, at least 0; 0 is the identity.
      reach: pixels to each side, static.

    Returns:
      `f32[2 reach + 1, 2 reach + 1]`.
    """
    offset = jnp.arange(-reach, reach + 1)
    weight = jnp.exp(-0.5 * jnp.square(offset / jnp.maximum(sigma, 1e-3)))
    return jnp.outer(weight, weight) / weight.sum() ** 2


def filter_image(image: Array, kernel: Array) -> Array:
    """Convolves each channel, the image mirrored about its edges.

    Args:
      image: `f32[h w c]`.
      kernel: `f32[a b]`, both odd.

    Returns:
      `f32[h w c]`.
    """
    down, across = (side // 2 for side in kernel.shape)
    padded = jnp.pad(image, ((down, down), (across, across), (0, 0)), "symmetric")
    of_channel = lambda plane: jax.scipy.signal.fftconvolve(plane, kernel, "valid")
    return jax.vmap(of_channel, -1, -1)(padded)


def sample(image: Array, y: Array, x: Array) -> Array:
    """Bilinear values at `(y, x)` in pixels, the image mirrored about its edges.

    Args:
      image: `f32[h w c]`.
      y: `f32[h w]`, rows.
      x: `f32[h w]`, columns.

    Returns:
      `f32[h w c]`.
    """
    of_channel = lambda plane: jax.scipy.ndimage.map_coordinates(
        plane, [y, x], order=1, mode="reflect"
    )
    return jax.vmap(of_channel, -1, -1)(image)


def pixel_grid(image: Array) -> tuple[Array, Array]:
    """Row and column of every pixel, `f32[h w]` each."""
    h, w, _ = image.shape
    y, x = jnp.mgrid[:h, :w].astype(jnp.float32)
    return y, x


def zoomed(image: Array, factor: Array) -> Array:
    """The image enlarged about its centre by `factor`, at least 1, and cut to size."""
    h, w, _ = image.shape
    y, x = pixel_grid(image)
    middle = (h - 1) / 2, (w - 1) / 2
    about = lambda at, centre: centre + (at - centre) / factor
    return sample(image, about(y, middle[0]), about(x, middle[1]))


def motion_blurred(
    image: Array, length: Array, sigma: Array, angle: Array, longest: float
) -> Array:
    """One-sided motion blur along a direction: weights `exp(-d^2 / (2 sigma^2))`.

    Args:
      image: `f32[h w c]`.
      length: of the blur, in units of `pixel_scale(image)`.
      sigma: standard deviation of the weights, in the same units.
      angle: direction, in radians.
      longest: upper bound of `length`, static.

    Returns:
      `f32[h w c]`.
    """
    y, x = pixel_grid(image)
    scale = pixel_scale(image)
    taps = math.ceil(longest * scale) + 1

    def body(i, carry):
        total, weights = carry
        d = i / scale
        weight = jnp.where(d <= length, jnp.exp(-0.5 * jnp.square(d / sigma)), 0.0)
        moved = sample(image, y + i * jnp.sin(angle), x + i * jnp.cos(angle))
        return total + weight * moved, weights + weight

    start = jnp.zeros_like(image), jnp.float32(0)
    total, weights = lax.fori_loop(0, taps, body, start)
    return total / weights


def luminance(image: Array) -> Array:
    """Brightness as the eye sees it (ITU-R BT.601): `f32[h w c] -> f32[h w 1]`."""
    if image.shape[-1] != 3:
        return image.mean(-1, keepdims=True)
    return image @ jnp.array([[0.299], [0.587], [0.114]])
