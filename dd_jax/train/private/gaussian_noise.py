"""Gaussian noise for releases."""

import jax

from dd_jax.types import Array, Key

_SUMMED = 4


def gaussian(key: Key, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers, as half of the sum of four.

    One f32 normal number of JAX ends at 5.42 standard deviations. With little noise an
    output beyond that would be impossible without the row, which no delta of 1e-5
    covers; half of a sum of four ends at 10.8.

    Args:
      key: of the noise; a new one each time.
      shape: of the result.

    Returns:
      `f32[shape]`.

    Source: Holohan and Braghin (2021), "Secure random sampling in differential
    privacy", which sums for another reason: that floating-point numbers tell less of
    the draws.
    """
    return jax.random.normal(key, (_SUMMED, *shape)).sum(0) / _SUMMED**0.5
