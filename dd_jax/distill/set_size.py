"""The size of a set in bytes, images and labels apart."""

import math

import numpy as np

from dd_jax.types import SyntheticSet

PROBABILITY = 4  # bytes of a class in a soft label, as files store it
_BYTE = 256  # classes that one byte tells apart


def class_number(classes: int) -> int:
    """Bytes of the number of a class.

    >>> class_number(10), class_number(1000)
    (1, 2)
    """
    return 1 if classes <= _BYTE else 2


def set_bytes(synthetic: SyntheticSet, stored: int) -> dict[str, int]:
    """Bytes of a set's images, 8 bits a value as exported, and of its labels.

    One-hot labels are numbers of classes, of each stored image; soft ones have four
    bytes a class, of each view where views have labels.

    Args:
      synthetic: images `[m h w c]` and labels `[m k]`.
      stored: images that are stored, which decode to m.

    Returns:
      `{images, labels}`.
    """
    labels = np.asarray(synthetic.labels)
    count, classes = labels.shape
    if synthetic.views is not None:
        each = PROBABILITY * classes * len(synthetic.views)
    elif (labels.max(1) == 1).all():
        each, count = class_number(classes), stored
    else:
        each = PROBABILITY * classes
    images = stored * math.prod(synthetic.images.shape[1:])
    return {"images": images, "labels": each * count}


def data_bytes(images: np.ndarray, classes: int) -> int:
    """Bytes of real rows `u8[n h w c]` with their class numbers.

    >>> data_bytes(np.zeros((5, 2, 2, 1), np.uint8), 10)
    25
    """
    return images.size + len(images) * class_number(classes)
