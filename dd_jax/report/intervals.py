"""Confidence intervals of means, proportions and resampled statistics.

The one place for every interval of the package: plain NumPy and SciPy, no jax.
"""

import math
from collections.abc import Iterator

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


def student_t_quantile(degrees: int, confidence: float = 0.95) -> float:
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
    proportion: float, trials: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Centre and half-width of the Wilson interval of a proportion.

    `(s + z^2/2) / (n + z^2)` and `z / (n + z^2) sqrt(s (n - s) / n + z^2 / 4)`, with
    n trials, s = n proportion, and z the normal quantile at `(1 + confidence) / 2`.

    Args:
      proportion: in [0, 1].
      trials: number of independent trials, more than 0; need not be whole.
      confidence: coverage of the interval, in (0, 1).

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
    z = student_t_quantile(0, confidence)
    centre = (proportion * trials + z**2 / 2) / (trials + z**2)
    spread = trials * proportion * (1 - proportion) + z**2 / 4
    return centre, z / (trials + z**2) * math.sqrt(spread)


def two_way_bootstrap(
    rng: np.random.Generator, rows: int, columns: int, draws: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Resamples rows and columns of a crossed table, independently.

    Args:
      rng: source of the draws.
      rows: number of independent row units.
      columns: number of columns.
      draws: number of resamples.

    Yields:
      `(i64[rows], i64[columns])`: how often each row and each column is drawn, as many
      draws with replacement as there are rows and columns.

    Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.

    >>> for weights in two_way_bootstrap(np.random.default_rng(0), 2, 3, 1):
    ...     print([w.sum().item() for w in weights])
    [2, 3]
    """
    for _ in range(draws):
        yield (
            rng.multinomial(rows, np.full(rows, 1 / rows)),
            rng.multinomial(columns, np.full(columns, 1 / columns)),
        )


def bootstrap_interval(
    estimates: np.ndarray,
    replicates: ArrayLike,
    *,
    units: int,
    confidence: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap-t interval of statistics that lie in [0, 1].

    `estimate -+ t_{units-1} * s`, `s` the standard deviation over the replicates; t
    pays for few resampled units. Clipped to [0, 1].

    Args:
      estimates: `f64[k]`, the statistics of the whole sample.
      replicates: `f64[b k]`, the same of each resample; NaN entries are left out.
      units: number of independent units that were resampled, at least 1.
      confidence: coverage of the interval, in (0, 1).

    Returns:
      `(low f64[k], high f64[k])`.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section
    12.3 (standard t interval).
    """
    spread = np.nanstd(replicates, axis=0, ddof=1)
    half = student_t_quantile(units - 1, confidence) * spread
    low, high = np.clip([estimates - half, estimates + half], 0, 1)
    return low, high
