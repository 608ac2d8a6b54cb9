"""Canaries: rows made to be remembered, put into the data before distillation.

An average over ordinary rows hides the worst victim. Canaries stand in for rows that
are unlike their neighbours; half of the models are given each of them.

Source: Aerni, Zhang and Tramer 2024, "Evaluations of machine learning privacy defenses
are misleading", section 4.

Differs from the paper in: three kinds side by side, not the one that suits a defence.
"""

from typing import NamedTuple

import numpy as np

from dd_jax.data import membership_masks
from dd_jax.types import InputError, Split

KINDS = ("mislabelled", "out_of_distribution", "duplicated")
COPIES = 4  # of a duplicated row, itself included


class Planted(NamedTuple):
    """A data set with canaries in it.

    Attributes:
      split: the n rows, some of them changed, and then the copies of some.
      kind: `i64[n]`, index in `KINDS`, -1 for the rows left as they were.
      source: `i64[n + copies]`, which of the n rows each row goes with.
    """

    split: Split
    kind: np.ndarray
    source: np.ndarray


def plant(seed: int, split: Split, count: int) -> Planted:
    """Turns random rows into canaries, `count` of each of the `KINDS`.

    A mislabelled row takes the label of another class, uniformly; an
    out-of-distribution row becomes uniform noise and keeps its label; a duplicated row
    gets copies, so that there are 4 of it.

    Args:
      seed: the same seed gives the same canaries.
      split: n rows.
      count: canaries of each kind; 0 changes nothing.

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
    wrong, strange, double = chosen
    images, labels = split.images.copy(), split.labels.copy()
    classes = int(labels.max()) + 1
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, count)) % classes
    images[strange] = rng.integers(0, 256, images[strange].shape)
    source = np.concatenate([np.arange(n), np.repeat(double, COPIES - 1)])
    arrays = images, labels, split.groups
    taken = (None if array is None else array[source] for array in arrays)
    return Planted(Split(*taken), kind, source)


def planted_masks(
    seed: int, planted: Planted, pairs: int, *, at_least: int
) -> np.ndarray:
    """Complementary halves of the rows, and of every kind of canary among them.

    As `membership_masks`, which the ordinary rows get; a kind is halved whatever its
    classes, so that every model has as many rows, copies counted.

    Args:
      seed: the same seed gives the same masks.
      planted: an even number of canaries of each kind.
      pairs: number of pairs of models.
      at_least: ordinary rows of each class that every model must have.

    Returns:
      `bool[2*pairs n]`; `[:, planted.source]` adds the copies.

    Raises:
      InputError: a class is too small to give `at_least` rows to both sides.
    """
    kind, labels = planted.kind, planted.split.labels[: len(planted.kind)]
    member = np.zeros((2 * pairs, len(kind)), bool)
    rows = kind < 0
    member[:, rows] = membership_masks(seed, labels[rows], pairs, at_least=at_least)
    for k in np.unique(kind[~rows]):
        own = int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        one_class = np.zeros(np.sum(kind == k), int)
        member[:, kind == k] = membership_masks(own, one_class, pairs)
    return member
