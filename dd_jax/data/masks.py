"""Membership masks: the rows that each model trains on, or is initialised from."""

import chex
import numpy as np

from dd_jax.types import InputError


def membership_masks(
    seed: int, labels: np.ndarray, pairs: int, *, at_least: int = 1
) -> np.ndarray:
    """Draws complementary halves of the data, stratified by class.

    Rows `2i` and `2i + 1` split the data in two: each takes `floor(n_c / 2)` rows of
    every class `c`, and the left-over rows of the classes of odd size are dealt in turn
    to the two sides, so that each side holds exactly `floor(n / 2)` rows. Where `n` is
    odd, one random row (another in each pair) is in neither side.

    Args:
      seed: the same seed gives the same masks; more pairs extend fewer.
      labels: `i32[n]`.
      pairs: number of pairs of models.
      at_least: rows of each class that every model must have.

    Returns:
      `bool[2*pairs n]`, True where the row is a member.

    Raises:
      InputError: a class is too small to give `at_least` rows to both sides.

    Source: Carlini et al., Membership Inference Attacks From First Principles, 2022,
    section V. Differs from the released code in: exact halves per class and per model
    rather than per example only; pairs of adjacent rows are complements.

    >>> membership_masks(0, np.array([0, 0, 1, 1]), 1).sum(1)
    array([2, 2])
    """
    labels = np.asarray(labels)
    chex.assert_rank(labels, 1)
    classes, counts = np.unique(labels, return_counts=True)
    for c, count in zip(classes, counts):
        if count // 2 < at_least:
            raise InputError(
                f"class {c} has {count} training images, so half of the data holds "
                f"{count // 2} of them, {at_least} needed; at least {2 * at_least} "
                "are needed"
            )
    member = np.zeros((2 * pairs, labels.size), bool)
    for i, child in enumerate(np.random.SeedSequence(seed).spawn(pairs)):
        rng = np.random.default_rng(child)
        odd_ones = []
        for c in classes:
            rows = rng.permutation(np.flatnonzero(labels == c))
            half = rows.size // 2
            member[2 * i, rows[:half]] = True
            member[2 * i + 1, rows[half : 2 * half]] = True
            odd_ones.extend(rows[2 * half :])
        odd_ones = rng.permutation(np.array(odd_ones, int))
        half = odd_ones.size // 2
        member[2 * i, odd_ones[:half]] = True
        member[2 * i + 1, odd_ones[half : 2 * half]] = True
    return member


def initial_masks(
    seed: int,
    labels: np.ndarray,
    pairs: int,
    ipc: int,
    preferred: np.ndarray | None = None,
) -> np.ndarray:
    """Draws the rows that each model is initialised from, out of a fixed list.

    The list holds `2 * ipc` random rows of each class; of every pair of models one
    takes one half of it and the other the other half. Of preferred rows it holds as
    many as it can, an even number of each class, and every model takes half of them.

    Args:
      seed: the same seed gives the same list and masks.
      labels: `i32[n]`.
      pairs: number of pairs of models.
      ipc: rows of each class that a model takes.
      preferred: `bool[n]`, rows that are listed before others; default none.

    Returns:
      `bool[2*pairs n]`, `ipc` rows of each class a model; nothing outside the list.

    Raises:
      InputError: a class has fewer than `2 * ipc` rows.

    >>> initial_masks(0, np.array([0, 1] * 5), 3, 1).any(0).sum().item()
    4
    """
    labels = np.asarray(labels)
    preferred = np.zeros(labels.size, bool) if preferred is None else preferred
    own, child = np.random.SeedSequence(seed).spawn(2)
    rng = np.random.default_rng(own)
    listed = []
    for c in np.unique(labels):
        first = np.flatnonzero((labels == c) & preferred)
        rows = np.flatnonzero((labels == c) & ~preferred)
        some = min(2 * ipc, first.size // 2 * 2)
        if rows.size < 2 * ipc - some:
            raise InputError(
                f"class {c} has {rows.size} training images; the list of initial "
                f"images needs {2 * ipc - some}, twice the images per class"
            )
        listed.append(rng.choice(rows, 2 * ipc - some, replace=False))
        listed.append(rng.choice(first, some, replace=False))
    listed = np.sort(np.concatenate(listed))
    chosen = np.zeros((2 * pairs, labels.size), bool)
    halves = int(child.generate_state(1)[0])
    parts = 2 * labels[listed] + preferred[listed]  # each of an even size
    chosen[:, listed] = membership_masks(halves, parts, pairs)
    return chosen


def starting_rows(
    seed: int, labels: np.ndarray, member: np.ndarray, count: int
) -> np.ndarray:
    """Draws the rows that each model is initialised from, of its own rows.

    The draw of random real images: uniform in each class, without replacement.

    Args:
      seed: the same seed gives the same rows.
      labels: `i32[n]`, of k classes.
      member: `bool[m n]`, at least one row of each class a model.
      count: rows of each class that a model takes; fewer of all classes where its
        smallest class has fewer.

    Returns:
      `bool[m n]`, nothing outside of `member`.

    >>> starting_rows(0, np.array([0, 1] * 3), np.ones((2, 6), bool), 2).sum(1)
    array([4, 4])
    """
    labels, chosen = np.asarray(labels), np.zeros_like(member)
    classes = np.unique(labels)
    for row, given, child in zip(
        chosen, member, np.random.SeedSequence(seed).spawn(len(member))
    ):
        rng = np.random.default_rng(child)
        own = [np.flatnonzero(given & (labels == c)) for c in classes]
        most = min(count, *(len(rows) for rows in own))
        for rows in own:
            row[rng.choice(rows, most, replace=False)] = True
    return chosen
