"""Images of one data set in the shape of another."""

import numpy as np

from dd_jax.types import InputError

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey images as colour, by repetition, or colour as grey, by luminance.

    `Y = 0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601), rounded.

    Args:
      images: `u8[n h w c]`.
      channels: 1 or 3 where c is the other; else c.

    Returns:
      `u8[n h w channels]`.

    Raises:
      InputError: numbers of channels that do not fit.

    >>> with_channels(np.full((1, 1, 1, 1), 7, np.uint8), 3).ravel().tolist()
    [7, 7, 7]
    """
    given = images.shape[-1]
    if given == channels:
        return images
    if (given, channels) == (1, 3):
        return np.repeat(images, 3, -1)
    if (given, channels) == (3, 1):
        return np.rint(images @ _LUMINANCE).astype(np.uint8)[..., None]
    raise InputError(f"images of {given} channels cannot be made into {channels}")
