"""Digital corruptions of one image: contrast, elastic, pixelate, JPEG."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.corruptions.filters import filter_image, gaussian, pixel_grid, sample
from dd_jax.types import Array, Key

MAX_ELASTIC_SIGMA = 0.2  # as a share of the image's side
BLOCK = 8  # side of JPEG's blocks

# Annex K of ITU-T T.81: example quantisation tables, by rows of frequencies.
LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMA = np.full((BLOCK, BLOCK), 99)
CHROMA[:4, :4] = [
    [17, 18, 24, 47],
    [18, 21, 26, 66],
    [24, 26, 56, 99],
    [47, 66, 99, 99],
]
TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ]
)


def contrast(key: Key, image: Array, factor: Array) -> Array:
    """Reduces contrast about the mean of each channel: `(x - mean) factor + mean`."""
    del key
    mean = image.mean((0, 1), keepdims=True)
    return (image - mean) * factor + mean


def elastic(
    key: Key, image: Array, stretch: Array, sigma: Array, shift: Array
) -> Array:
    """A random affine map, then smooth random displacements.

    Three corners of a centred square move by at most `shift`; each pixel moves by
    `stretch` times uniform noise in [-1, 1] blurred by `sigma`. All are shares of the
    image's shorter side.
    """
    h, w, _ = image.shape
    side = min(h, w)
    for_corners, for_pixels = jax.random.split(key)
    centre, half = jnp.array([h // 2, w // 2]), max(side // 3, 1)
    corners = centre + half * jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    moves = jax.random.uniform(for_corners, (3, 2), minval=-1.0)
    moved = corners + shift * side * moves
    ones = jnp.ones((3, 1))
    back = jnp.linalg.solve(jnp.concatenate([moved, ones], 1), corners)
    noise = jax.random.uniform(for_pixels, (h, w, 2), minval=-1.0)
    kernel = gaussian(sigma * side, math.ceil(3 * MAX_ELASTIC_SIGMA * side))
    away = stretch * side * filter_image(noise, kernel)
    y, x = pixel_grid(image)
    at = jnp.stack([y + away[..., 0], x + away[..., 1], jnp.ones_like(y)], -1) @ back
    return sample(image, at[..., 0], at[..., 1])


def pixelate(key: Key, image: Array, share: Array) -> Array:
    """Downsamples to `share` of the side by averaging, and repeats pixels back."""
    del key
    down, across = (_blocks(side, share) for side in image.shape[:2])
    return jnp.einsum("ab,bwc,vw->avc", down, image, across)


def _blocks(side: int, share: Array) -> Array:
    """Averages of the pixels that fall into the same block, `f32[side side]`."""
    count = jnp.maximum(jnp.floor(side * share + 1e-4), 1)
    block = jnp.floor((jnp.arange(side) + 0.5) * count / side)
    same = (block[:, None] == block).astype(jnp.float32)
    return same / same.sum(1, keepdims=True)


def jpeg(key: Key, image: Array, quality: Array) -> Array:
    """JPEG compression: YCbCr, 8 x 8 cosine transform, quantised coefficients.

    Three channels become luminance and two chroma planes of half the side; with any
    other number each channel is coded as luminance. The entropy coding of a file is
    lossless and left out.

    Source: ITU-T T.81 (1992) and JFIF 1.02. Differs from common decoders in: chroma is
    upsampled by repetition.
    """
    del key
    levels = jnp.round(255 * image)
    scale = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = lambda base: jnp.clip(jnp.floor((base * scale + 50) / 100), 1, 255)
    if image.shape[-1] != 3:
        plane = lambda levels: _quantised(levels - 128, table(LUMA)) + 128
        return _levels(jax.vmap(plane, -1, -1)(levels))
    y, *colour = jnp.moveaxis(levels @ TO_YCC.T, -1, 0)
    y = _quantised(jnp.round(y) - 128, table(LUMA)) + 128
    colour = [_subsampled(c, table(CHROMA)) for c in colour]
    return _levels(jnp.stack([y, *colour], -1) @ np.linalg.inv(TO_YCC).T)


def _levels(values: Array) -> Array:
    return jnp.clip(jnp.round(values), 0, 255) / 255


def _subsampled(plane: Array, table: Array) -> Array:
    """A chroma plane at half the side, quantised, and repeated to size."""
    h, w = plane.shape
    even = jnp.pad(plane, ((0, h % 2), (0, w % 2)), "edge")
    half = even.reshape(-(-h // 2), 2, -(-w // 2), 2).mean((1, 3))
    coded = _quantised(jnp.round(half), table)
    return coded.repeat(2, 0).repeat(2, 1)[:h, :w]


def _quantised(plane: Array, table: Array) -> Array:
    """Cosine transform of blocks, quantised by the table, and its inverse."""
    h, w = plane.shape
    down, across = -(-h // BLOCK), -(-w // BLOCK)
    fill = (0, down * BLOCK - h), (0, across * BLOCK - w)
    blocks = jnp.pad(plane, fill, "edge").reshape(down, BLOCK, across, BLOCK)
    forward = jnp.einsum("ua,iajb,vb->iujv", COSINES, blocks, COSINES)
    kept = jnp.round(forward / table[:, None]) * table[:, None]
    back = jnp.einsum("ua,iujv,vb->iajb", COSINES, kept, COSINES)
    return jnp.round(back.reshape(down * BLOCK, across * BLOCK)[:h, :w])


def _cosines() -> np.ndarray:
    """Orthonormal cosine transform, rows by frequency."""
    u, a = np.mgrid[:BLOCK, :BLOCK]
    rows = np.sqrt(2 / BLOCK) * np.cos(np.pi * u * (2 * a + 1) / (2 * BLOCK))
    rows[0] /= np.sqrt(2)
    return rows


COSINES = _cosines()
