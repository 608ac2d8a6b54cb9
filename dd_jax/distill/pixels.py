"""Synthetic images as free pixels, in the normalised space that they are learned in."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.base import Real
from dd_jax.distill.selection import choose
from dd_jax.types import Array, Key

INITS = ("noise", "real", "kmeans", "kcenter", "herding")


class Pixels(NamedTuple):
    """A parametrisation of synthetic images.

    Attributes:
      init: `(key, Real) -> theta f32[k ipc h w c]`; runs on the host.
      decode: `theta -> f32[k ipc h w c]` in pixel units, not clamped to [0, 1].
    """

    init: Callable[[Key, Real], Array]
    decode: Callable[[Array], Array]


def pixels(
    ipc: int, init: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> Pixels:
    """One stored image for each synthetic image: `x = theta * std + mean`.

    Args:
      ipc: images a class.
      init: `noise` (standard normal theta), `real` (random images of the class) or the
        name of a selection.
      mean: per-channel mean in [0, 1].
      std: per-channel standard deviation.
    """
    mean_c, std_c = np.float32(mean), np.float32(std)

    def start(key, real):
        classes, shape = len(real.counts), real.images.shape[1:]
        if init == "noise":
            return jax.random.normal(key, (classes, ipc, *shape))
        rows = choose(key, real, "random" if init == "real" else init, ipc)
        images = np.asarray(real.images)[rows].astype(np.float32) / 255
        return jnp.asarray((images - mean_c) / std_c)

    return Pixels(start, lambda theta: theta * std_c + mean_c)
