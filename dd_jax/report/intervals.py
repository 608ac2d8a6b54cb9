"""Confidence intervals of means, proportions and figures of crossed tables.

The one place for every interval of the package: plain NumPy and SciPy, no jax.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from dd_jax.types import InputError


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> dict:
    """Mean with its Student-t confidence interval.

    `mean -+ t_{n-1, (1 + confidence) / 2} * s / sqrt(n)`, with `s` the sample standard
    deviation (divisor `n - 1`). The interval is that of a normal mean: for fractions
    close to 0 or 1 it can reach outside [0, 1].

    Args:
      values: `f64[n]`, one value for each independent network or synthetic set.
      confidence: coverage of the interval, in (0, 1).

    Returns:
      `{mean, ci: [low, high], n}`; `ci` is None for a single value, which has no sample
      standard deviation.

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
    t = student_t_quantile(sample.size - 1, confidence)
    half = float(t * sample.std(ddof=1) / np.sqrt(sample.size))
    return {"mean": mean, "ci": [mean - half, mean + half], "n": int(sample.size)}


def student_t_quantile(degrees: float, confidence: float = 0.95) -> float:
    """Half-width of a two-sided t interval, in standard errors.

    `t_{degrees, (1 + confidence) / 2}`; 0 degrees of freedom, where no spread over
    units is known, take the normal quantile.

    Args:
      degrees: degrees of freedom, at least 0.
      confidence: coverage of the interval, in (0, 1).

    >>> round(student_t_quantile(2), 6), round(student_t_quantile(0), 6)
    (4.302653, 1.959964)
    """
    tail = (1 + confidence) / 2
    return float(special.stdtrit(degrees, tail) if degrees else special.ndtri(tail))


def clopper_pearson(
    successes: float, trials: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Exact binomial interval of a proportion, half of the error on either side.

    The bounds are quantiles of Beta distributions, `B(a/2; s, t - s + 1)` and
    `B(1 - a/2; s + 1, t - s)` with `a = 1 - confidence`; 0 and 1 at the ends. For whole
    counts the interval covers the proportion at least as often as stated.

    Args:
      successes: count in [0, trials]; need not be whole.
      trials: count, more than 0.
      confidence: least coverage of the interval, in (0, 1).

    Returns:
      `(low, high)` in [0, 1].

    Raises:
      InputError: counts out of range.

    Source: Clopper and Pearson, Biometrika 26, 1934.

    >>> tuple(round(bound, 6) for bound in clopper_pearson(60, 100))
    (0.497209, 0.696705)
    """
    if not 0 <= successes <= trials or trials <= 0:
        raise InputError(
            f"clopper_pearson: {successes} successes in {trials} trials; "
            "need 0 <= successes <= trials and trials > 0"
        )
    tail, failures = (1 - confidence) / 2, trials - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return float(low), float(high)


def wilson(
    proportion: float, trials: float, confidence: float = 0.95, degrees: float = 0
) -> tuple[float, float]:
    """Centre and half-width of the Wilson interval of a proportion.

    `(s + z^2/2) / (n + z^2)` and `z / (n + z^2) sqrt(s (n - s) / n + z^2 / 4)`, with
    n trials, s = n proportion, and z the quantile at `(1 + confidence) / 2`.

    Args:
      proportion: in [0, 1].
      trials: number of independent trials, more than 0; need not be whole.
      confidence: coverage of the interval, in (0, 1).
      degrees: of freedom of the quantile, where trials are estimated; 0: normal.

    Returns:
      `(centre, half_width)`; the interval lies in [0, 1].

    Raises:
      InputError: proportion or trials out of range.

    Source: Wilson, JASA 22, 1927.

    >>> tuple(round(value, 4) for value in wilson(1.0, 10))
    (0.8612, 0.1388)
    """
    if not 0 <= proportion <= 1 or trials <= 0:
        raise InputError(
            f"wilson: proportion {proportion} of {trials} trials; need a proportion in "
            "[0, 1] and trials > 0"
        )
    z = student_t_quantile(degrees, confidence)
    centre = (proportion * trials + z**2 / 2) / (trials + z**2)
    spread = trials * proportion * (1 - proportion) + z**2 / 4
    return centre, z / (trials + z**2) * math.sqrt(spread)


def crossed_variance(influence: ArrayLike) -> tuple[float, float]:
    """Variance of an estimate from a crossed table, by the influences of its cells.

    With `V_row` and `V_col` the variances that sums over columns and over rows give,
    and `V_cell` that of what they leave, `V = V_row + V_col - V_cell`: cells that share
    neither row nor column are independent, and both sums count what single cells vary.
    V is at least the smaller of the two; with one row it is V_col.

    Args:
      influence: `f64[r c]`, of sum 0, c at least 2: the estimate less its expectation
        is about the sum of the influences about theirs.

    Returns:
      `(variance, degrees)`: degrees of freedom for quantiles of Student's t, by
      Satterthwaite, at least one less than the smaller number of rows and columns.

    Sources: Cameron, Gelbach and Miller, Journal of Business and Economic Statistics
    29, 2011, section 2 (two-way clusters; V_cell here is without what rows and columns
    add to it); Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007
    (resampled rows and columns count single cells three times).

    >>> rows = np.repeat([[-0.1], [0.1]], 3, axis=1)  # all variance is of the rows
    >>> variance, degrees = crossed_variance(rows)
    >>> round(variance, 6), round(degrees, 6)
    (0.36, 1.0)
    """
    cells = np.asarray(influence, np.float64)
    r, c = cells.shape
    of_rows, of_columns = cells.sum(1, keepdims=True), cells.sum(0, keepdims=True)
    column = c / (c - 1) * np.sum(of_columns**2)
    if r == 1:
        return float(column), c - 1.0
    row = r / (r - 1) * np.sum(of_rows**2)
    rest = cells - of_rows / c - of_columns / r + cells.mean()
    cell = r * c / ((r - 1) * (c - 1)) * np.sum(rest**2)
    variance = max(row + column - cell, min(row, column))
    spread = row**2 / (r - 1) + column**2 / (c - 1)
    degrees = variance**2 / spread if spread else 0.0
    return float(variance), float(max(degrees, min(r, c) - 1))


def difference(first: dict, second: dict) -> dict:
    """The difference of two independent estimates, with its interval.

    `d = m1 - m2`, from `d - sqrt((m1 - l1)^2 + (u2 - m2)^2)` to
    `d + sqrt((u1 - m1)^2 + (m2 - l2)^2)`.

    Args:
      first: `{mean, ci, n}`; `ci` may be None.
      second: the same.

    Returns:
      `{mean, ci, n}`: `ci` is None where one has none; n is the smaller one, None where
      neither is known.

    Source: Zou and Donner, Statistics in Medicine 27, 2008 (MOVER).

    >>> a = {"mean": 0.9, "ci": [0.87, 0.93], "n": 5}
    >>> b = {"mean": 0.8, "ci": [0.76, 0.84], "n": 3}
    >>> [round(bound, 6) for bound in difference(a, b)["ci"]], difference(a, b)["n"]
    ([0.05, 0.15], 3)
    """
    mean = first["mean"] - second["mean"]
    counts = [value["n"] for value in (first, second) if value["n"] is not None]
    ci = None
    if first["ci"] and second["ci"]:
        (low, high), (other_low, other_high) = first["ci"], second["ci"]
        down = math.hypot(first["mean"] - low, other_high - second["mean"])
        up = math.hypot(high - first["mean"], second["mean"] - other_low)
        ci = [mean - down, mean + up]
    return {"mean": mean, "ci": ci, "n": min(counts, default=None)}


def bootstrap_difference(
    statistic: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> dict:
    """The difference of a statistic of two means, with its basic bootstrap interval.

    `d = T(mean_i x_i) - T(mean_j y_j)`. Rows of each sample are drawn again with
    replacement, which gives d*; the interval is from `2 d - q_{(1 + confidence) / 2}`
    to `2 d - q_{(1 - confidence) / 2}` with quantiles of d*, and so corrects for the
    bias of T, such as of a minimum, which `mean d* - d` estimates. With few rows it is
    too short, as a normal interval with divisor n is.

    Args:
      statistic: T, `f64[... k] -> f64[...]`.
      first: `f64[s k]`, a row for each independent network or set.
      second: `f64[t k]`.
      confidence: coverage of the interval, in (0, 1).
      resamples: how many, from a fixed seed.

    Returns:
      `{mean, ci, n, bias}`: mean is d, n the smaller number of rows; ci and bias are
      None where it is 1.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
    section 5.2.

    >>> worst = lambda accuracy: accuracy.min(-1)
    >>> one, two = np.array([[0.75, 0.5]]), np.array([[0.5, 0.75], [0.5, 1.0]])
    >>> bootstrap_difference(worst, one, two)
    {'mean': 0.0, 'ci': None, 'n': 1, 'bias': None}
    """
    at_mean = lambda x: float(statistic(x.mean(0)))
    d = at_mean(first) - at_mean(second)
    n = min(len(first), len(second))
    if n == 1:
        return {"mean": d, "ci": None, "n": 1, "bias": None}
    rng = np.random.default_rng(0)
    drawn = lambda x: rng.multinomial(len(x), np.full(len(x), 1 / len(x)), resamples)
    again = lambda x: statistic(drawn(x) / len(x) @ x)
    found = again(first) - again(second)
    high, low = np.quantile(found, [(1 + confidence) / 2, (1 - confidence) / 2])
    ci = [float(2 * d - high), float(2 * d - low)]
    return {"mean": d, "ci": ci, "n": n, "bias": float(found.mean() - d)}
