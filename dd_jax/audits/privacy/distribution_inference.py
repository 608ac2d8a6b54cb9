"""Distribution inference: do models tell what share of their rows had a property."""

from typing import Any

import numpy as np

from dd_jax.report.intervals import clopper_pearson
from dd_jax.types import InputError

SHARES = (0.3, 0.7)  # of the first of two values, in the two distributions
NEITHER = -1


def two_most_frequent(values: np.ndarray) -> np.ndarray:
    """The most frequent value and the next.

    Args:
      values: `i[n]`, classes or groups.

    Raises:
      InputError: all values are the same.

    >>> two_most_frequent(np.array([5, 7, 7, 5, 7, 2])).tolist()
    [7, 5]
    """
    names, counts = np.unique(values, return_counts=True)
    if len(names) < 2:
        raise InputError(
            "audits.distribution: all rows are of one class or group; two are needed"
        )
    return names[np.argsort(-counts, kind="stable")[:2]]


def side_of(values: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Which of two values each row has: 0, 1, or -1 for neither.

    >>> side_of(np.array([5, 7, 2]), np.array([7, 5])).tolist()
    [1, 0, -1]
    """
    return np.select([values == value for value in two], [0, 1], NEITHER)


def subsets(side: np.ndarray, strata: np.ndarray, models: int, seed: int) -> np.ndarray:
    """The rows of models from two distributions in turn: `SHARES[i % 2]` of model i.

    In each stratum both take the same number of rows, at most half of the rarer value
    if all were of it, so that models of one distribution differ; of rows of neither
    value, and of a stratum that lacks one, half. All are drawn at random.

    Args:
      side: `i[n]`: 0, 1, or -1 for neither value.
      strata: `i[n]`, such as classes.
      models: m.
      seed: the same seed gives the same rows.

    Returns:
      `bool[m n]`, with the same number of rows in every model.
    """
    rng = np.random.default_rng(seed)
    member = np.zeros((models, len(side)), bool)
    for stratum in np.unique(strata):
        pools = [
            np.flatnonzero((side == value) & (strata == stratum))
            for value in (0, 1, NEITHER)
        ]
        if not all(map(len, pools[:2])):  # no shares to choose
            pools = [*pools[:2], np.concatenate(pools)]
        total = int(min(map(len, pools[:2])) / (2 * max(SHARES)))
        for i, row in enumerate(member):
            first = round(SHARES[i % 2] * total)
            sizes = first, total - first, len(pools[2]) // 2
            for pool, size in zip(pools, sizes):
                row[rng.choice(pool, size, replace=False)] = True
    return member


def statistics(log_odds: np.ndarray, side: np.ndarray) -> np.ndarray:
    """How much better each model knows rows of the first value than of the second.

    Args:
      log_odds: `f[m n]` of the right class, on rows that no model was given.
      side: `i[n]`, as in `subsets`, both values present.

    Returns:
      `f[m]`, difference of means.
    """
    first, second = (log_odds[:, side == value].mean(1) for value in (0, 1))
    return first - second


def accuracy_of_guesses(statistic: np.ndarray) -> dict[str, Any]:
    """How often the distribution of a model is guessed right.

    A model is guessed by the midpoint between the means of the two distributions over
    all models but its pair.

    Args:
      statistic: `f[m]` of models from the two distributions in turn, m at least 4.

    Returns:
      `{mean, ci, n}`: share of right guesses, 0.5 by chance, with a Clopper-Pearson
      interval.

    Source: Suri and Evans 2022, "Formalizing and estimating distribution inference
    risks", the threshold test. Differs in: a difference of log-odds, not of accuracies.

    >>> accuracy_of_guesses(np.array([0.0, 1.0, 0.1, 0.9, 0.8, 1.2]))["mean"]
    0.8333333333333334
    """
    pairs = np.asarray(statistic, float).reshape(-1, 2)
    right = 0
    for i, pair in enumerate(pairs):
        means = np.delete(pairs, i, 0).mean(0)
        above = pair > means.mean()
        right += int(np.sum(above == (np.arange(2) == means.argmax())))
    n = pairs.size
    return {"mean": right / n, "ci": list(clopper_pearson(right, n)), "n": n}
