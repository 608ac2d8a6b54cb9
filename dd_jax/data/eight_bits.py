"""Pixels as bytes, as image files hold them."""

import numpy as np


def quantise(images: np.ndarray) -> np.ndarray:
    """Pixels as bytes: `round(255 clip(x, 0, 1))`.

    >>> quantise(np.array([-0.2, 0.5, 2.0])).tolist()
    [0, 128, 255]
    """
    return np.round(255 * np.clip(np.asarray(images, np.float64), 0, 1)).astype("u1")


def encoding(images: np.ndarray) -> dict:
    """What becomes of pixels as bytes.

    Returns:
      `{bits, clipped, largest_change}`: `clipped` is the share of values outside
      [0, 1], `largest_change` what clipping and rounding change at most.
    """
    images = np.asarray(images, np.float64)
    change = np.abs(images - quantise(images) / 255).max()
    outside = ((images < 0) | (images > 1)).mean()
    return {"bits": 8, "clipped": float(outside), "largest_change": float(change)}
