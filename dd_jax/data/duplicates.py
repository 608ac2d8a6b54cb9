"""Rows that are copies of others, or look the same: in train, and held out of it."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from dd_jax.data.small_images import small_images
from dd_jax.system.progress import shown
from dd_jax.types import Split

CORRELATION = 0.997  # of small images, from which two look the same
_ROWS = 2048  # compared at once


class Compared(NamedTuple):
    """Rows as they are compared.

    Attributes:
      digests: `u64[n]`, equal where pixels are.
      points: `f32[n d]`, see `small_images`.
      labels: `i32[n]`.
    """

    digests: np.ndarray
    points: np.ndarray
    labels: np.ndarray


def compared(split: Split) -> Compared:
    """Rows made ready to be compared."""
    pixels = np.ascontiguousarray(split.images)
    made = (blake2b(image, digest_size=8).digest() for image in pixels)
    digests = np.frombuffer(b"".join(made), np.uint64)
    return Compared(digests, small_images(pixels), split.labels)


def exact_duplicates(train: Compared, held_out: Compared | None = None) -> dict:
    """How many rows have the pixels of another row of train.

    Args:
      train: rows of train.
      held_out: the rows that are counted; by default those of train, each against the
        others.

    Returns:
      `rows`, and `other_label`: those of them of which a copy has another label.

    >>> images = np.uint8([1, 1, 2, 1]).reshape(4, 1, 1, 1)
    >>> exact_duplicates(compared(Split(images, np.array([0, 0, 1, 1]))))
    {'rows': 3, 'other_label': 3}
    """
    counted = held_out or train
    both = np.concatenate([train.digests, counted.digests])
    _, same = np.unique(both, return_inverse=True)
    pool, own = np.split(same, [len(train.labels)])
    counts = np.bincount(pool, minlength=len(both))
    lowest, highest = np.full(len(both), np.iinfo(np.int32).max), np.full(len(both), -1)
    np.minimum.at(lowest, pool, train.labels)
    np.maximum.at(highest, pool, train.labels)
    copied = counts[own] > (held_out is None)
    differs = (lowest[own] != counted.labels) | (highest[own] != counted.labels)
    return {"rows": int(copied.sum()), "other_label": int((copied & differs).sum())}


def near_duplicates(train: Compared, held_out: Compared | None = None) -> dict:
    """How many rows look like another row of train without being a copy of it.

    Two rows do where their small images correlate by at least `CORRELATION`. Measured
    on Fashion-MNIST (28x28): 99 % of copies in JPEG at quality 75, a fifth brighter, or
    with noise of 4 of 255 are found, and 90 % at quality 50. Of its 60,000 rows 185
    look like another, none of another label, and most of the pairs show one product;
    from 0.995 it would be 857, mostly of different trousers. Of 64x64 crops of photos
    76 % of copies at quality 75 are found, of 8x8 digits 33 %; no two digits correlate
    by that much. Copies that are shifted, mirrored, cropped or turned are not found.

    Args:
      train: rows of train.
      held_out: the rows that are counted; by default those of train, each against the
        others.

    Returns:
      `rows`, and `other_label`: those of them which look like a row of another label.

    Source: Barz and Denzler, "Do we train on test data? Purging CIFAR of
    near-duplicates", 2020, for what is counted; they compare features of a network
    trained on the data, and look at each pair.
    """
    counted = held_out or train
    n, m = len(counted.labels), len(train.labels)
    alike, differs = np.zeros(n, bool), np.zeros(n, bool)
    blocks = [
        (i, j)
        for i in range(0, n, _ROWS)
        for j in range(0 if held_out else i, m, _ROWS)  # each pair of train once
    ]
    for i, j in shown(blocks, "near duplicates"):
        one = Compared(*(array[i : i + _ROWS] for array in counted))
        other = Compared(*(array[j : j + _ROWS] for array in train))
        found = np.flatnonzero(one.points @ other.points.T >= CORRELATION)
        left, right = np.divmod(found, len(other.labels))
        changed = one.digests[left] != other.digests[right]
        left, right = left[changed], right[changed]
        different = one.labels[left] != other.labels[right]
        alike[i + left] = differs[i + left[different]] = True
        if held_out is None:
            alike[j + right] = differs[j + right[different]] = True
    return {"rows": int(alike.sum()), "other_label": int(differs.sum())}
