"""Student's t-tests of paired differences against a bound, and of equivalence."""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from dd_jax.report.intervals import mean_interval


def above(values: ArrayLike, bound: float = 0.0) -> float:
    """p-value of the null hypothesis that the mean is at most a bound.

    `P(T_{n-1} >= sqrt(n) (mean - bound) / s)`. Values without spread are no evidence:
    p is 1, for no error of their mean can be estimated.

    Args:
      values: `f64[n]`, independent, n at least 2.
      bound: of the mean.

    Returns:
      p in [0, 1].

    Source: Student, "The probable error of a mean", 1908.

    >>> above([0.1, 0.1, 0.1])
    1.0
    """
    sample = np.asarray(values, float)
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    if error <= 1e-12:  # rounding
        return 1.0
    return float(stdtr(len(sample) - 1, (bound - sample.mean()) / error))


def below(values: ArrayLike, bound: float = 0.0) -> float:
    """p-value of the null hypothesis that the mean is at least a bound."""
    return above(-np.asarray(values, float), -bound)


def equivalent(values: ArrayLike, bound: float) -> float:
    """p-value of the null hypothesis that two columns differ by at least a bound.

    Two one-sided tests (TOST) for each pair of columns; all have to reject, so the
    largest p-value counts and needs no correction (intersection-union test).

    Args:
      values: `f64[n levels]`, rows paired.
      bound: smallest difference of interest.

    Returns:
      p in [0, 1].

    Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach for assessing the equivalence of average bioavailability", 1987; Berger,
    "Multiparameter hypothesis testing and acceptance sampling", 1982.
    """
    gaps = pair_differences(values)
    return max(max(above(gap, -bound), below(gap, bound)) for gap in gaps)


def largest_difference(values: ArrayLike) -> dict:
    """The largest mean difference of two columns, later minus earlier.

    Its interval is simultaneous over all pairs (Bonferroni), since the largest is
    selected; None for a single row.

    Args:
      values: `f64[n levels]`, rows paired.

    Returns:
      `{mean, ci, n}`.
    """
    gaps = pair_differences(values)
    top = max(gaps, key=lambda gap: abs(gap.mean()))
    return mean_interval(top, 1 - 0.05 / len(gaps))


def pair_differences(values: ArrayLike) -> list[np.ndarray]:
    """`f64[n]` for each pair of columns, later minus earlier."""
    columns = np.asarray(values, float).T
    return [later - earlier for earlier, later in combinations(columns, 2)]
