"""Arrays of a data source before any check."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from dd_jax.types import InputError, Split


class Raw(NamedTuple):
    """Unchecked arrays of one source.

    Attributes:
      train: images of any numeric dtype, `[n h w]` or `[n h w c]`, and labels `[n]`.
      test: the same, for the rows that reported numbers come from.
      class_names: one name a class, or None where the source knows none.
      notes: what was done that a user may not expect, a line each.
      sizes: `(height, width, images)` of each size as stored, train and test together;
        empty where that of the arrays is the only one.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int, int], ...] = ()


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes one image to a square with Pillow's bilinear filter.

    Args:
      image: `u8[h w c]`, any number of channels.
      size: side of the result in pixels.

    Returns:
      `u8[size size c]`.
    """
    channels = [
        Image.fromarray(image[..., c]).resize((size, size), Image.Resampling.BILINEAR)
        for c in range(image.shape[-1])
    ]
    return np.stack([np.asarray(channel) for channel in channels], -1)


def count_sizes(images: Iterable[np.ndarray]) -> tuple[tuple[int, int, int], ...]:
    """`(height, width, images)` of each size, the most frequent first.

    >>> count_sizes([np.zeros((2, 3, 1)), np.zeros((4, 4, 1)), np.zeros((4, 4, 1))])
    ((4, 4, 2), (2, 3, 1))
    """
    counts = Counter(image.shape[:2] for image in images)
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((*size, count) for size, count in found)


def stack_images(
    images: list[np.ndarray], image_size: int | None, where: str
) -> np.ndarray:
    """Stacks images, resizing those of several sizes if a size is given.

    Args:
      images: arrays `u8[h w c]` with the same number of channels.
      image_size: side in pixels that images of several sizes are resized to.
      where: the place that an error message names.

    Returns:
      `u8[n h w c]`; images of one size keep it.

    Raises:
      InputError: no images, or images of several sizes and no `image_size`.
    """
    if not images:
        raise InputError(f"{where} holds no images; at least one per class is needed")
    sizes = sorted({image.shape[:2] for image in images})
    if len(sizes) > 1:
        if image_size is None:
            (h0, w0), (h1, w1) = sizes[0], sizes[-1]
            raise InputError(
                f"{where} holds images of {len(sizes)} sizes, such as {h0}x{w0} and "
                f"{h1}x{w1}; set data.image_size to resize them all to one square size"
            )
        images = [resize(image, image_size) for image in images]
    return np.stack(images)
