"""Normalisation of images by the mean and standard deviation of each channel."""

import numpy as np

from dd_jax.types import Space


def standard_space(mean: tuple[float, ...], std: tuple[float, ...]) -> Space:
    """The space of `(x - mean) / std`, channel by channel.

    Args:
      mean: c floats, of pixels in [0, 1].
      std: c floats, positive.

    >>> space = standard_space((0.5, 0.25), (0.25, 0.5))
    >>> space.enter(np.ones(2, np.float32)).tolist()
    [2.0, 1.5]
    """
    mean_c, std_c = np.float32(mean), np.float32(std)
    return Space(lambda x: (x - mean_c) / std_c, lambda x: x * std_c + mean_c)
