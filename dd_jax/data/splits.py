"""Stratified random splits of labelled rows."""

from collections.abc import Sequence

import numpy as np

from dd_jax.types import InputError, Split

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")  # the first there is


def stratified_split(
    seed: int,
    labels: np.ndarray,
    fraction: float,
    where: str,
    names: Sequence[str] | None = None,
    *,
    lone: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Holds out the same fraction of every class at random.

    Class `c` with `n_c` rows gives `round(fraction * n_c)` of them, but at least one,
    and keeps at least one.

    Args:
      seed: the same seed and labels give the same split.
      labels: `i32[n]`.
      fraction: share of each class to hold out, in (0, 1).
      where: the place that an error message names.
      names: of the classes, for the same.
      lone: whether the row of a class with a single one is held out, not refused.

    Returns:
      `(kept i64[n - m], held i64[m])`: row numbers, both in ascending order.

    Raises:
      InputError: a class with a single row.

    >>> stratified_split(0, np.array([0, 0, 1, 1]), 0.5, "toy")[1].size
    2
    """
    rng = np.random.default_rng(seed)
    held = []
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        if rows.size < 2 and not lone:
            name = repr(names[c]) if names else c
            raise InputError(
                f"class {name} in {where} has a single image; "
                "at least 2 are needed to hold out a part of it"
            )
        most = max(rows.size - 1, 1)
        count = min(max(round(fraction * rows.size), 1), most)
        held.append(rng.permutation(rows)[:count])
    out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(labels.size), out), out


def take(split: Split, rows: np.ndarray) -> Split:
    """Some rows of a split, by number or by mask."""
    return Split(*(None if array is None else array[rows] for array in split))
