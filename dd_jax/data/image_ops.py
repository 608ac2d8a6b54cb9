"""Differentiable image operations with explicit parameters.

Images are `f32[n h w c]`, normalised so that 0 is the data's mean. A parameter has a
leading axis `m` that is 1 (the same for all images) or `n` (one per image). Nothing is
clamped. The operations are those of differentiable augmentation (Zhao, Liu, Lin, Zhu
and Han 2020) as used by Differentiable Siamese Augmentation (Zhao and Bilen 2021).
"""

import chex
import jax
import jax.numpy as jnp

from dd_jax.types import Array

FILL = 0.0  # what comes from outside of an image, and into a cut-out
CUTOUT = 0.5  # share of each side that a cut-out covers
ALIGN_CORNERS = False  # whether coordinates span pixel centres, and not whole pixels


def flip(mirrored: Array, images: Array) -> Array:
    """Mirrors left and right where `mirrored bool[m]` is true."""
    _check(mirrored, images)
    return jnp.where(_per_image(mirrored), images[:, :, ::-1], images)


def brightness(offset: Array, images: Array) -> Array:
    """Adds `offset f32[m]` to every pixel."""
    _check(offset, images)
    return images + _per_image(offset)


def saturation(factor: Array, images: Array) -> Array:
    """Scales the distance to the grey of each pixel: `(x - g) factor + g`.

    `g` is the mean over channels, so that an image of one channel stays as it is.

    Args:
      factor: `f32[m]`; 1 changes nothing, 0 gives grey.
      images: `f32[n h w c]`.
    """
    _check(factor, images)
    grey = images.mean(3, keepdims=True)
    return (images - grey) * _per_image(factor) + grey


def contrast(factor: Array, images: Array) -> Array:
    """Scales the distance to the mean of each image: `(x - mean) factor + mean`.

    Args:
      factor: `f32[m]`; 1 changes nothing, 0 gives a constant image.
      images: `f32[n h w c]`.
    """
    _check(factor, images)
    mean = images.mean((1, 2, 3), keepdims=True)
    return (images - mean) * _per_image(factor) + mean


def crop(shift: Array, images: Array) -> Array:
    """Moves the window by whole pixels: `out[y, x] = in[y + dy, x + dx]`, 0 outside.

    Args:
      shift: `i32[m 2]`, `(dy, dx)`.
      images: `f32[n h w c]`.
    """
    _check(shift, images, (2,))
    _, h, w, _ = images.shape
    y = jnp.arange(h)[:, None] + shift[:, 0, None, None]
    x = jnp.arange(w) + shift[:, 1, None, None]
    return _pixel_at(y, x, images)


def cutout(centre: Array, images: Array) -> Array:
    """Sets a rectangle of half the height and width to 0.

    It covers rows `[cy - s // 2, cy - s // 2 + s)` with `s = int(h / 2 + 0.5)`, columns
    alike, as far as they lie inside.

    Args:
      centre: `i32[m 2]`, `(cy, cx)`.
      images: `f32[n h w c]`.
    """
    _check(centre, images, (2,))
    _, h, w, _ = images.shape

    def covered(centre: Array, length: int) -> Array:
        side = half_length(length)
        offset = jnp.arange(length) - (centre[:, None] - side // 2)
        return (offset >= 0) & (offset < side)

    rows, columns = covered(centre[:, 0], h), covered(centre[:, 1], w)
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    return jnp.where(hole, FILL, images)


def half_length(length: int) -> int:
    """Side of the cut-out for an image side of `length` pixels.

    >>> [half_length(n) for n in (28, 32, 7)]
    [14, 16, 4]
    """
    return int(length * CUTOUT + 0.5)


def centres(length: int) -> int:
    """How many places a cut-out's centre has along a side: 0, 1, ... and this less 1.

    An even square has no middle pixel, so its centre takes one place more.

    >>> [centres(n) for n in (28, 32, 6)]
    [29, 33, 6]
    """
    return length + 1 - half_length(length) % 2


def scale(factors: Array, images: Array) -> Array:
    """Samples at `factors` times the distance from the centre; above 1 shrinks.

    Args:
      factors: `f32[m 2]`, `(fy, fx)`.
      images: `f32[n h w c]`.
    """
    _check(factors, images, (2,))
    zero = jnp.zeros_like(factors[:, 0])
    rows = [[factors[:, 0], zero], [zero, factors[:, 1]]]
    return affine(_matrix(rows), images)


def rotate(angle: Array, images: Array) -> Array:
    """Rotates about the centre.

    With the `y` axis down, `(y, x)` is sampled at `(sin a x + cos a y, cos a x -
    sin a y)` in coordinates where the image spans [-1, 1] both ways, so that an image
    that is not square is sheared a little, as in the released code.

    Args:
      angle: `f32[m]`, radians; positive turns the content counter-clockwise.
      images: `f32[n h w c]`.
    """
    _check(angle, images)
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    return affine(_matrix([[cos, sin], [-sin, cos]]), images)


def affine(matrix: Array, images: Array) -> Array:
    """Samples bilinearly at `matrix @ (y, x)`, with 0 outside the image.

    Coordinates span [-1, 1] from edge to edge: pixel `i` of `h` has its centre at
    `(2 i + 1) / h - 1` (`align_corners=False` in PyTorch's `grid_sample`).

    Args:
      matrix: `f32[m 2 2]`, acting on `(y, x)` columns.
      images: `f32[n h w c]`.

    Returns:
      `f32[n h w c]`.
    """
    _check(matrix, images, (2, 2))
    _, h, w, _ = images.shape
    tall, wide = h - ALIGN_CORNERS, w - ALIGN_CORNERS
    v = (jnp.arange(h)[:, None] - (h - 1) / 2) * (2 / tall)
    u = (jnp.arange(w) - (w - 1) / 2) * (2 / wide)
    a = matrix[:, :, :, None, None]
    y = (a[:, 0, 0] * v + a[:, 0, 1] * u) * (tall / 2) + (h - 1) / 2
    x = (a[:, 1, 0] * v + a[:, 1, 1] * u) * (wide / 2) + (w - 1) / 2
    top, left = jnp.floor(y), jnp.floor(x)
    down, right = (y - top)[..., None], (x - left)[..., None]
    top, left = top.astype(jnp.int32), left.astype(jnp.int32)
    return (
        (1 - down) * (1 - right) * _pixel_at(top, left, images)
        + (1 - down) * right * _pixel_at(top, left + 1, images)
        + down * (1 - right) * _pixel_at(top + 1, left, images)
        + down * right * _pixel_at(top + 1, left + 1, images)
    )


def describe_sampling() -> str:
    """Describes how `affine` samples.

    >>> describe_sampling().split(" (align")[0]
    'bilinear between the centres of pixels, (2 i + 1) / n - 1 for pixel i of n'
    """
    place = "2 i / (n - 1) - 1" if ALIGN_CORNERS else "(2 i + 1) / n - 1"
    return (
        f"bilinear between the centres of pixels, {place} for pixel i of n "
        f"(align_corners={ALIGN_CORNERS}), {FILL:g} from outside"
    )


def _check(parameter: Array, images: Array, shape: tuple[int, ...] = ()) -> None:
    """Asserts `[m ...shape]`, m = 1 or n, for images `[n h w c]`."""
    chex.assert_rank(images, 4)
    chex.assert_shape(parameter, ({1, len(images)}, *shape))


def _pixel_at(y: Array, x: Array, images: Array) -> Array:
    """Gives pixel `(y, x)`, `i32[m h w]` each, of every image, 0 outside.

    Indices shared by all images make one gather of contiguous rows, several times
    quicker on CPU, backward above all, than one gather per image.
    """
    n, h, w, c = images.shape
    inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
    index = jnp.where(inside, y * w + x, 0).reshape(-1, h * w)
    flat = images.reshape(n, h * w, c)
    if len(index) == 1:
        picked = jnp.take(flat, index[0], axis=1, mode="clip")
    else:
        picked = jax.vmap(lambda a, i: jnp.take(a, i, axis=0, mode="clip"))(flat, index)
    return jnp.where(inside[..., None], picked.reshape(images.shape), FILL)


def _matrix(rows: list[list[Array]]) -> Array:
    """Stacks `f32[m]` entries to `f32[m 2 2]`."""
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def _per_image(parameter: Array) -> Array:
    return parameter[:, None, None, None]
