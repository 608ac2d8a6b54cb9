"""Rows that are copies of others, or look the same: in train, and held out of it."""

from collections.abc import Iterable
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


class Duplicates(NamedTuple):
    """What other rows of train some rows are like.

    Attributes:
      like: `i64[n]`, a row of train, one with another label where there is one; -1 for
        rows that are like none.
      other_label: `bool[n]`, whether it has another label.
    """

    like: np.ndarray
    other_label: np.ndarray

    def counts(self) -> dict[str, int]:
        """`rows` that are like another, and those of `other_label`."""
        rows = int((self.like >= 0).sum())
        return {"rows": rows, "other_label": int(self.other_label.sum())}


def exact_duplicates(train: Compared, held_out: Compared | None = None) -> Duplicates:
    """Rows that have the pixels of another row of train.

    Args:
      train: rows of train.
      held_out: the rows that are looked up; by default those of train, each among the
        others.

    >>> images = np.uint8([1, 1, 2, 1]).reshape(4, 1, 1, 1)
    >>> found = exact_duplicates(compared(Split(images, np.array([0, 0, 1, 1]))))
    >>> found.like.tolist(), found.counts()
    ([3, 3, -1, 0], {'rows': 3, 'other_label': 3})
    """
    known: dict[int, dict[int, list[int]]] = {}  # two rows of each label
    for row, (digest, label) in enumerate(_pixels_and_labels(train)):
        rows = known.setdefault(digest, {}).setdefault(label, [])
        rows += [row] * (len(rows) < 2)
    like, other_label = [], []
    for row, (digest, label) in enumerate(_pixels_and_labels(held_out or train)):
        by_label = known.get(digest, {})
        others = [rows[0] for key, rows in by_label.items() if key != label]
        own = [r for r in by_label.get(label, ()) if held_out or r != row]
        like.append(next(iter(others + own), -1))
        other_label.append(bool(others))
    return Duplicates(np.array(like), np.array(other_label))


def near_duplicates(train: Compared, held_out: Compared | None = None) -> Duplicates:
    """Rows that look like another row of train without being a copy of it.

    Two rows do where their small images correlate by at least `CORRELATION`. Measured
    on Fashion-MNIST (28x28): 99 % of copies in JPEG at quality 75, a fifth brighter, or
    with noise of 4 of 255 are found, and 90 % at quality 50. Of its 60,000 rows 185
    look like another, none of another label, and most of the pairs show one product;
    from 0.995 it would be 857, mostly of different trousers. Of 64x64 crops of photos
    76 % of copies at quality 75 are found, of 8x8 digits 33 %; no two digits correlate
    by that much. Copies that are shifted, mirrored, cropped or turned are not found.

    Args:
      train: rows of train.
      held_out: the rows that are looked up; by default those of train, each among the
        others.

    Source: Barz and Denzler, "Do we train on test data? Purging CIFAR of
    near-duplicates", 2020, for what is looked for; they compare features of a network
    trained on the data, and look at each pair.
    """
    given = held_out or train
    n, m = len(given.labels), len(train.labels)
    found = Duplicates(np.full(n, -1), np.zeros(n, bool))
    blocks = [(i, j) for i in range(0, n, _ROWS) for j in range(0, m, _ROWS)]
    if held_out is None:  # each pair of blocks once
        blocks = [(i, j) for i, j in blocks if i <= j]
    for i, j in shown(blocks, "near duplicates"):
        one = Compared(*(array[i : i + _ROWS] for array in given))
        other = Compared(*(array[j : j + _ROWS] for array in train))
        pairs = np.flatnonzero(one.points @ other.points.T >= CORRELATION)
        left, right = np.divmod(pairs, len(other.labels))
        changed = one.digests[left] != other.digests[right]
        left, right = left[changed], right[changed]
        different = one.labels[left] != other.labels[right]
        _note(found, i + left, j + right, different)
        if held_out is None:
            _note(found, j + right, i + left, different)
    return found


def _note(
    found: Duplicates, rows: np.ndarray, like: np.ndarray, different: np.ndarray
) -> None:
    """Adds pairs to those that were found; pairs of different labels go first."""
    new = (found.like[rows] < 0) | (different & ~found.other_label[rows])
    order = np.argsort(different[new], kind="stable")  # the last of a row stays
    found.like[rows[new][order]] = like[new][order]
    found.other_label[rows[different]] = True


def _pixels_and_labels(rows: Compared) -> Iterable[tuple[int, int]]:
    return zip(rows.digests.tolist(), rows.labels.tolist())
