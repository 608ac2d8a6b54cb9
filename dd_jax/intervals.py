"""Intervals around means and proportions."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from dd_jax.types import InputError


def mean_interval(values: ArrayLike, level: float = 0.95) -> dict:
    """Mean with its Student-t confidence interval.

    `mean +- t_{n-1, (1 + level) / 2} * s / sqrt(n)`, with `s` the sample standard
    deviation (divisor `n - 1`). The interval is that of a normal mean: for fractions
    close to 0 or 1 it can reach outside [0, 1].

    Args:
      values: `f64[n]`, one value for each independent net or synthetic set.
      level: coverage of the interval, in (0, 1).

    Returns:
      `{mean, ci: [low, high], n}`; `ci` is None for a single value, which says nothing
      of its own spread.

    Raises:
      InputError: no value, or one that is not finite.

    Source: Student, "The probable error of a mean", 1908.

    >>> mean_interval([0.5])
    {'mean': 0.5, 'ci': None, 'n': 1}
    """
    sample = np.asarray(values, np.float64).ravel()
    if not sample.size or not np.isfinite(sample).all():
        raise InputError(
            f"mean_interval: got {sample.tolist()}; need one or more finite values"
        )
    mean = float(sample.mean())
    if sample.size == 1:
        return {"mean": mean, "ci": None, "n": 1}
    t = stats.t.ppf((1 + level) / 2, sample.size - 1)
    half = float(t * sample.std(ddof=1) / np.sqrt(sample.size))
    return {"mean": mean, "ci": [mean - half, mean + half], "n": int(sample.size)}


def proportion_interval(successes: int, n: int, level: float = 0.95) -> dict:
    """Share of successes with its exact (Clopper-Pearson) confidence interval.

    `low = Beta^-1(a; k, n - k + 1)`, `high = Beta^-1(1 - a; k + 1, n - k)` with
    `a = (1 - level) / 2`; 0 and 1 at the ends. It covers at least `level` for any n.

    Args:
      successes: `k`, from 0 to n.
      n: number of independent trials, at least 1.
      level: coverage of the interval, in (0, 1).

    Returns:
      `{mean: k / n, ci: [low, high], n}`.

    Raises:
      InputError: `n` below 1 or `successes` outside `[0, n]`.

    Source: Clopper and Pearson, Biometrika 26, 1934.

    >>> [round(bound, 4) for bound in proportion_interval(0, 10)["ci"]]
    [0.0, 0.3085]
    """
    k, n = int(successes), int(n)
    if n < 1 or not 0 <= k <= n:
        raise InputError(
            f"proportion_interval: {k} successes of {n}; need 0 <= successes <= n, "
            "n >= 1"
        )
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, k, n - k + 1) if k else 0.0
    high = stats.beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
    return {"mean": k / n, "ci": [float(low), float(high)], "n": n}
