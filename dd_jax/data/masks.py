"""Which rows each shadow model may see: complementary, stratified halves."""

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
    classes, counts = np.unique(labels, return_counts=True)
    for c, count in zip(classes, counts):
        if count // 2 < at_least:
            raise InputError(
                f"class {c} has {count} training images, so half of the data holds "
                f"{count // 2} of them, {at_least} asked for; at least {2 * at_least} "
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
