"""CutMix: rectangles of one image pasted into another, labels shared by area."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key


@reused
def cutmix(probability: float) -> Callable[[Key, Array, Array], tuple[Array, Array]]:
    """Builds CutMix for whole batches.

    With the given probability a batch is mixed with a random order of itself: a
    rectangle with sides `h sqrt(1 - u)` and `w sqrt(1 - u)`, u ~ U(0, 1), around a
    uniform centre and cut at the border, comes from the other image. Labels are
    weighted by the areas that remain.

    Yun et al. (2019), arXiv:1905.04899, with Beta(1, 1). Differs from the released
    code, and from that of IDC, in: a side with an odd number of pixels has all of them,
    where theirs has one fewer (29.6 % of 28x28 pixels on average, here 30.9 %).

    Args:
      probability: that a batch is mixed, in [0, 1].

    Returns:
      `(key, images f32[n h w c], labels f32[n k]) -> (images, labels)`.
    """

    def mix(key: Key, images: Array, labels: Array) -> tuple[Array, Array]:
        chex.assert_rank([images, labels], [4, 2])
        chex.assert_equal_shape_prefix([images, labels], 1)
        flip, area, row, column, order = jax.random.split(key, 5)
        n, h, w, _ = images.shape
        side = jnp.sqrt(1 - jax.random.uniform(area))
        rows = _inside(row, h, jnp.floor(h * side))
        columns = _inside(column, w, jnp.floor(w * side))
        on = jax.random.uniform(flip) < probability
        box = on & rows[:, None] & columns
        other = jax.random.permutation(order, n)
        mixed = jnp.where(box[..., None], images[other], images)
        share = box.mean()
        return mixed, (1 - share) * labels + share * labels[other]

    return mix


def describe(probability: float) -> str:
    """Describes CutMix for training without this package.

    >>> describe(0.0)
    'none'
    """
    if not probability:
        return "none"
    return (
        f"After augmentation a batch is mixed with probability {probability:g}, with "
        "itself in random order: all its images get one rectangle from the image that "
        "comes in their place, with sides int(h sqrt(1 - u)) and int(w sqrt(1 - u)), u "
        "uniform in [0, 1), from c - side // 2 on along each axis, c a uniform pixel, "
        "as far as it lies inside; labels are the mean by the pixels of each image"
    )


def _inside(key: Key, size: int, length: Array) -> Array:
    """Whether each of `size` pixels lies in an interval around a random one."""
    centre = jax.random.randint(key, (), 0, size)
    low = centre - length // 2
    at = jnp.arange(size)
    return (at >= low) & (at < low + length)
