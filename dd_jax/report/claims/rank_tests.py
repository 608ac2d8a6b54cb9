"""Exact rank tests over blocks: Page's L for ordered levels, Friedman's for others.

Both are permutation tests: under the null hypothesis the levels of a block are
exchangeable, and blocks are independent. The null distribution is that of the ranks as
they are, ties included, so that it is exact for any number of blocks. Where it is too
large to list, it is drawn, and `(1 + hits) / (1 + draws)` is a valid p-value (Phipson
and Smyth, "Permutation p-values should never be zero", 2010).
"""

from collections import Counter
from collections.abc import Callable
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

MOST_LEVELS = 6  # whose permutations are listed
DRAWS = 20_000


def page(values: ArrayLike) -> float:
    """One-sided p-value of Page's test that values rise along the columns.

    `L = sum_j j R_j`, with `R_j` the sum over blocks of the ranks in column j;
    `p = P(L' >= L)` where the ranks of each block are permuted at random.

    Args:
      values: `f64[blocks levels]`, levels in the order that is claimed.

    Returns:
      p in (0, 1]; not below `1 / (levels!)^blocks`.

    Source: Page, "Ordered hypotheses for multiple treatments", 1963.

    >>> page([[1, 2, 3], [1, 2, 3]]) == 1 / 36
    True
    """
    ranks = _doubled_ranks(values)
    weights = np.arange(1, ranks.shape[1] + 1)
    observed = int((ranks @ weights).sum())
    if ranks.shape[1] > MOST_LEVELS:
        return _drawn(ranks, lambda r: (r @ weights).sum(-1), observed)
    null = Counter({0: 1.0})
    for row in ranks:
        orders = np.array(list(permutations(row)))
        steps, times = np.unique(orders @ weights, return_counts=True)
        shares = times / len(orders)
        after: Counter = Counter()
        for total, p in null.items():
            for step, share in zip(steps.tolist(), shares.tolist()):
                after[total + step] += p * share
        null = after
    return min(1.0, sum(p for total, p in null.items() if total >= observed))


def friedman(values: ArrayLike) -> float:
    """p-value of Friedman's test that no column differs.

    The statistic is `sum_j R_j^2`, with `R_j` as in `page`; the p-value is that of the
    permutations, not of the chi-square distribution, which needs many blocks.

    Args:
      values: `f64[blocks levels]`.

    Returns:
      p in (0, 1]; not below `1 / (levels!)^(blocks - 1)`.

    Source: Friedman, "The use of ranks to avoid the assumption of normality", 1937.

    >>> friedman([[1, 2, 3], [1, 2, 3]]) == 1 / 6
    True
    """
    ranks = _doubled_ranks(values)
    observed = int(np.square(ranks.sum(0)).sum())
    if ranks.shape[1] > MOST_LEVELS:
        return _drawn(ranks, lambda r: np.square(r.sum(-2)).sum(-1), observed)
    null = Counter({(0,) * ranks.shape[1]: 1.0})
    for (
        row
    ) in ranks:  # columns are exchangeable: sorted sums stand for all their orders
        orders = np.array(list(permutations(row)))
        after: Counter = Counter()
        for sums, p in null.items():
            found = np.sort(orders + np.array(sums), axis=1)
            states, times = np.unique(found, axis=0, return_counts=True)
            for state, share in zip(states.tolist(), times / len(orders)):
                after[tuple(state)] += p * float(share)
        null = after
    hits = (p for sums, p in null.items() if sum(s * s for s in sums) >= observed)
    return min(1.0, sum(hits))


def _doubled_ranks(values: ArrayLike) -> np.ndarray:
    """Ranks within rows, ties averaged, times two: whole numbers."""
    return np.rint(2 * rankdata(np.asarray(values, float), axis=1)).astype(np.int64)


def _drawn(
    ranks: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], observed: int
) -> float:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(DRAWS // 1000):
        rows = np.broadcast_to(ranks, (1000, *ranks.shape))
        hits += int((statistic(rng.permuted(rows, axis=-1)) >= observed).sum())
    return (1 + hits) / (1 + DRAWS)
