"""Canaries: rows that are easily memorised, inserted before distillation.

An average over ordinary rows hides the most vulnerable ones. Canaries replace ordinary
rows; each is in the training data of half of the models.

Source: Aerni, Zhang and Tramer 2024, "Evaluations of machine learning privacy defenses
are misleading", section 4.

Differs from the paper in: three kinds side by side, not the one that suits a defence.
"""

from typing import NamedTuple

import numpy as np

from dd_jax.data import membership_masks
from dd_jax.types import InputError, Split

KINDS = ("mislabelled", "out_of_distribution", "duplicated")
COPIES = 4  # of a duplicated row, the row itself included


class CanaryDataset(NamedTuple):
    """Training rows with canaries among them.

    Attributes:
      split: the n rows, some of them changed, then the copies of the duplicated ones.
      kind: `i64[n]`, index in `KINDS`, -1 for ordinary rows.
      source: `i64[n + copies]`, the row (of the n) that each row belongs to.
    """

    split: Split
    kind: np.ndarray
    source: np.ndarray


def insert_canaries(seed: int, split: Split, count: int) -> CanaryDataset:
    """Turns random rows into canaries, `count` of each of the `KINDS`.

    A mislabelled row takes the label of another class, uniformly; an
    out-of-distribution row becomes uniform noise and keeps its label; a duplicated row
    gets copies, so that there are 4 of it.

    Args:
      seed: the same seed gives the same canaries.
      split: n rows, `u8[n h w c]` and `i32[n]`.
      count: canaries of each kind; 0 changes nothing.

    Returns:
      A `CanaryDataset`; `split` itself is not changed.

    Raises:
      InputError: canaries would be more than a quarter of the rows.
    """
    n = len(split.labels)
    most = n // (4 * len(KINDS)) // 2 * 2  # an even number, for complementary halves
    if count > most:
        raise InputError(
            f"audits.privacy.canaries={count} of each of {len(KINDS)} kinds: with "
            f"{n} training images at most {most} are possible"
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(n, (len(KINDS), count), replace=False)
    kind = np.full(n, -1)
    for i, rows in enumerate(chosen):
        kind[rows] = i
    mislabelled, noise, duplicated = chosen
    images, labels = split.images.copy(), split.labels.copy()
    classes = int(labels.max()) + 1
    offset = rng.integers(1, classes, count)
    labels[mislabelled] = (labels[mislabelled] + offset) % classes
    images[noise] = rng.integers(0, 256, images[noise].shape)
    source = np.concatenate([np.arange(n), np.repeat(duplicated, COPIES - 1)])
    arrays = images, labels, split.groups
    rows = (None if array is None else array[source] for array in arrays)
    return CanaryDataset(Split(*rows), kind, source)


def canary_masks(
    seed: int, dataset: CanaryDataset, pairs: int, *, at_least: int
) -> np.ndarray:
    """Complementary halves of the ordinary rows and of every kind of canary.

    Ordinary rows are halved as in `membership_masks`; a kind of canary is halved
    whatever its classes, so that every model has the same number of rows, copies
    counted.

    Args:
      seed: the same seed gives the same masks.
      dataset: with an even number of canaries of each kind.
      pairs: number of pairs of models.
      at_least: ordinary rows of each class that every model must have.

    Returns:
      `bool[2*pairs n]`; `[:, dataset.source]` adds the copies.

    Raises:
      InputError: a class is too small to give `at_least` rows to both sides.
    """
    kind, labels = dataset.kind, dataset.split.labels[: len(dataset.kind)]
    member = np.zeros((2 * pairs, len(kind)), bool)
    ordinary = kind < 0
    member[:, ordinary] = membership_masks(
        seed, labels[ordinary], pairs, at_least=at_least
    )
    for k in np.unique(kind[~ordinary]):
        seed_of_kind = int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        one_class = np.zeros(np.sum(kind == k), int)
        member[:, kind == k] = membership_masks(seed_of_kind, one_class, pairs)
    return member
