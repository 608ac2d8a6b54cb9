"""Multi-formation: several synthetic images in the tiles of one stored image."""

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.parametrisation.protocol import Parametrisation
from dd_jax.types import Array, SyntheticSet

_TURNS = 100  # in which clipped pixels are found again


def tile_side(size: int, factor: int) -> int:
    """Side of a tile: the size shared by `factor` tiles, rounded up."""
    return -(-size // factor)


def _resize(images: Array, height: int, width: int) -> Array:
    """Bilinear, with pixel centres at halves."""
    shape = (*images.shape[:-3], height, width, images.shape[-1])
    return jax.image.resize(images, shape, "bilinear", antialias=False)


def split_tiles(images: Array, factor: int) -> Array:
    """Cuts images into `factor` x `factor` tiles and enlarges each to the full size.

    Sizes that the factor does not divide are padded by 0 at the end first.

    Args:
      images: `f32[... m h w c]`.
      factor: tiles along each side.

    Returns:
      `f32[... m*factor^2 h w c]`, the tiles of one image row by row next to each other.

    >>> split_tiles(jnp.arange(4.0).reshape(1, 2, 2, 1), 2)[:, 0, 0, 0].tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    *lead, m, h, w, c = images.shape
    rows, columns = tile_side(h, factor), tile_side(w, factor)
    margin = [(0, rows * factor - h), (0, columns * factor - w), (0, 0)]
    padded = jnp.pad(images, [(0, 0)] * (len(lead) + 1) + margin)
    tiles = padded.reshape(-1, factor, rows, factor, columns, c).swapaxes(2, 3)
    tiles = tiles.reshape(*lead, m * factor**2, rows, columns, c)
    return _resize(tiles, h, w)


def distance_to_tiles(images: np.ndarray, factor: int) -> np.ndarray:
    """How far images are from any that `split_tiles` enlarges, then clipped to [0, 1].

    The root mean square of `y - P_h y P_w`, where P projects on what enlarging gives
    and y is x, but where x is 0 or 1 any number beyond: the smallest that accelerated
    projected gradients find.

    Nesterov (1983).

    Args:
      images: `f32[m h w c]`.
      factor: tiles along each side.

    Returns:
      `f64[m]`, in units of pixels.

    >>> whole = np.random.default_rng(0).random((1, 8, 8, 1), np.float32)
    >>> (distance_to_tiles(np.asarray(split_tiles(whole, 2)), 2) < 1e-6).tolist()
    [True, True, True, True]
    >>> (distance_to_tiles(whole, 2) > 0.1).tolist()
    [True]
    """
    if factor == 1:
        return np.zeros(len(images))
    rows, columns = (_projection(side, factor) for side in images.shape[1:3])
    near = lambda y: np.einsum("ij,mjkc,lk->milc", rows, y, columns, optimize=True)
    unclipped = ahead = images
    for turn in range(_TURNS):
        before, nearest = unclipped, near(ahead)
        unclipped = np.where(images <= 0, np.minimum(nearest, 0), images)
        unclipped = np.where(images >= 1, np.maximum(nearest, 1), unclipped)
        ahead = unclipped + turn / (turn + 3) * (unclipped - before)
    return np.sqrt(np.square(unclipped - near(unclipped)).mean((1, 2, 3)))


def _projection(size: int, factor: int) -> np.ndarray:
    """On the rows of images that enlarging tiles gives, `f64[size size]`."""
    small = tile_side(size, factor)
    one_hot = jnp.eye(small)[..., None]
    enlarged = np.asarray(_resize(one_hot, size, small))[..., 0].astype(np.float64)
    return enlarged @ np.linalg.pinv(enlarged)


def join_tiles(images: Array, factor: int) -> Array:
    """Shrinks `factor^2` images into the tiles of one: where learning starts from.

    Args:
      images: `f32[... m*factor^2 h w c]`.
      factor: tiles along each side.

    Returns:
      `f32[... m h w c]`; what is over at the end, where the factor does not divide the
      size, is cut off.

    >>> join_tiles(jnp.ones((4, 2, 2, 1)) * jnp.arange(4.0)[:, None, None, None], 2)[
    ...     0, ..., 0
    ... ].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    *lead, m, h, w, c = images.shape
    rows, columns = tile_side(h, factor), tile_side(w, factor)
    small = _resize(images, rows, columns)
    grid = small.reshape(-1, factor, factor, rows, columns, c).swapaxes(2, 3)
    whole = grid.reshape(-1, rows * factor, columns * factor, c)[:, :h, :w]
    return whole.reshape(*lead, m // factor**2, h, w, c)


def multi_formation(
    base: Parametrisation, factor: int, multi: bool = False
) -> Parametrisation:
    """Stores `factor^2` synthetic images in each image.

    `decode` cuts each stored image into `factor` x `factor` tiles and enlarges them
    (`multi`: into the tiles of all factors from 1 up, so 1 + 4 + ... images each).
    Learning starts from the shrunk images that `base` starts from.

    Kim et al. (2022), IDC, arXiv:2205.14959, section 3.2.
    Differs from the released code in: sizes that the factor does not divide are padded
    by 0 in the space of learning, not by the pixel value 0.5; images are shrunk
    bilinearly, not to the nearest pixels, and noise like them.

    Args:
      base: starts from `factor^2` images for each one stored.
      factor: tiles along each side.
      multi: decode by every factor from 1 to `factor`.
    """
    factors = range(1 if multi else factor, factor + 1)

    def start(key, real):
        params = base.init(key, real)
        return params | {"images": join_tiles(params["images"], factor)}

    def decode(params) -> SyntheticSet:
        images = [split_tiles(params["images"], f) for f in factors]
        return base.decode(params | {"images": jnp.concatenate(images, 1)})

    return base._replace(init=start, decode=decode)
