"""The trigger of a backdoor: a patch in the corner of an image."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dd_jax.types import Array


class Trigger(NamedTuple):
    """The backdoor that a run puts into its own sets.

    Attributes:
      patches: `f32[s p p c]` in [0, 1], one of each set.
      target: the class that images with it are to be taken for.
    """

    patches: np.ndarray
    target: int


def stamped(images: Array, patch: Array) -> Array:
    """Images with a patch in the corner at the bottom right.

    Args:
      images: `f32[... h w c]`.
      patch: `f32[p p c]`, p at most h and w.

    Returns:
      `f32[... h w c]`.

    >>> stamped(jnp.zeros((1, 2, 2, 1)), jnp.ones((1, 1, 1)))[0, :, :, 0].tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    size = len(patch)
    return jnp.asarray(images).at[..., -size:, -size:, :].set(patch)
