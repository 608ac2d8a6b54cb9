"""The size that a plan resizes images to."""

from collections.abc import Collection, Iterable
from types import ModuleType
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.types import Dataset, InputError

KEY = "data.image_size"
_MOST = 32  # of a side after resizing, in pixels


def side(sizes: Iterable[tuple[int, int, int]]) -> int:
    """The side to resize images to: that of most of them, at most 32 pixels.

    Args:
      sizes: `(height, width, images)` of each size as stored.

    Returns:
      The median over images of the longer side, at most 32.

    >>> side([(8, 8, 24), (64, 64, 2)]), side([(64, 48, 5)])
    (8, 32)
    """
    height, width, images = np.array(list(sizes)).T
    longer = np.repeat(np.maximum(height, width), images)
    return min(_MOST, int(np.quantile(longer, 0.5, method="lower")))


def sized(
    config: ConfigDict, given: Collection[str], run: ModuleType
) -> tuple[dict[str, Any], Dataset]:
    """The data of a config, resized where they are large or of several sizes.

    Args:
      config: the base.
      given: keys that a plan keeps as they are.
      run: `dd_jax.run`.

    Returns:
      Config keys of the size, empty where images stay as they are, and the data.

    Raises:
      InputError: the data cannot be read.
    """
    if KEY in given:
        return {}, run.dataset(config)
    of = lambda pixels: run.dataset(configs.override(config, {KEY: pixels}, "plan"))
    try:
        data = run.dataset(config)
        if max(data.train.images.shape[1:3]) <= _MOST:
            return {}, data
    except InputError:  # as of images of several sizes; what else is wrong comes again
        pass
    data = of(_MOST)
    pixels = side(data.sizes)
    return {KEY: pixels}, data if pixels == _MOST else of(pixels)
