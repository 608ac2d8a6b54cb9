"""What images are like: of one colour, grey though stored in colour, resized."""

from collections.abc import Iterable

import numpy as np

_SHAPE_KEPT = 1.1  # ratio of sides; rounding to whole pixels changes it by less


def constant_images(images: np.ndarray) -> np.ndarray:
    """Which images have one colour everywhere, `u8[n h w c] -> bool[n]`.

    >>> constant_images(np.array([[[[1, 2], [1, 2]]], [[[1, 2], [1, 1]]]])).tolist()
    [True, False]
    """
    return (images == images[:, :1, :1]).all((1, 2, 3))


def grey_images(images: np.ndarray) -> np.ndarray:
    """Which colour images have the same value in all channels, to `bool[n]`.

    Args:
      images: `u8[n h w c]`; with one channel none is stored in colour.

    >>> grey_images(np.array([[[[7, 7, 7]]], [[[7, 7, 8]]]])).tolist()
    [True, False]
    """
    if images.shape[-1] != 3:
        return np.zeros(len(images), bool)
    return (images == images[..., :1]).all((1, 2, 3))


def size_facts(
    sizes: Iterable[tuple[int, int, int]], height: int, width: int
) -> dict[str, float]:
    """What resizing did to images, by their sizes as stored.

    Args:
      sizes: `(height, width, images)` of each size that is stored.
      height: of the images that are used.
      width: of the images that are used.

    Returns:
      `sizes`, how many there are; `resized`, images of another size than the one used;
      `enlarged`, those of fewer pixels in height or width; `largest_enlargement`, by
      which factor at most; `stretched`, images whose ratio of height to width changed
      by more than a tenth.

    >>> size_facts([(8, 8, 10), (4, 8, 2)], 8, 8)["enlarged"]
    2
    """
    h, w, n = np.array(list(sizes), np.int64).reshape(-1, 3).T
    factor = np.maximum(height / h, width / w)
    shape = (h * width) / (w * height)
    return {
        "sizes": len(n),
        "resized": int(n[(h != height) | (w != width)].sum()),
        "enlarged": int(n[factor > 1].sum()),
        "largest_enlargement": float(factor.max(initial=1.0)),
        "stretched": int(n[np.maximum(shape, 1 / shape) > _SHAPE_KEPT].sum()),
    }
