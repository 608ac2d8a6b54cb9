"""Effect size and p-values for each shape that a claim can have."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dd_jax.report.claims import mean_tests
from dd_jax.report.claims.rank_tests import friedman, page
from dd_jax.report.claims.registered import DIFFERS, FALLS, MORE, MOVES, NOT_LESS
from dd_jax.report.intervals import mean_interval


class Shape(NamedTuple):
    """How values `f64[seeds levels]` are tested.

    Attributes:
      effect: `{mean, ci, n}` over seeds; no interval for one seed.
      no_effect: p of the null hypothesis "there is no effect as claimed".
      of_interest: p of "the effect is as large as claimed". At most one of the two can
        be true.
    """

    effect: Callable[[np.ndarray], dict]
    no_effect: Callable[[np.ndarray, float], float]
    of_interest: Callable[[np.ndarray, float], float]


def _fall(x: np.ndarray) -> np.ndarray:
    return x[:, 0] - x[:, -1]


def _either_way(x: np.ndarray, _: float) -> float:
    return min(1.0, 2 * min(page(x), page(-x)))


def _best(x: np.ndarray) -> dict:
    """The level with the largest mean, its interval simultaneous over levels."""
    levels = x.shape[1]
    return mean_interval(x[:, x.mean(0).argmax()], 1 - 0.05 / levels)


def _any_not_less(x: np.ndarray, smallest: float) -> float:
    """P-value of "all levels are below by the smallest of interest" (Bonferroni)."""
    return min(1.0, x.shape[1] * min(mean_tests.above(c, -smallest) for c in x.T))


def _all_less(x: np.ndarray, _: float) -> float:
    """P-value of "some level is not below zero" (intersection-union)."""
    return max(mean_tests.below(column) for column in x.T)


SHAPES = {
    FALLS: Shape(
        lambda x: mean_interval(_fall(x)),
        lambda x, _: page(-x),
        lambda x, smallest: mean_tests.below(_fall(x), smallest),
    ),
    MOVES: Shape(
        lambda x: mean_interval(-_fall(x)), _either_way, mean_tests.equivalent
    ),
    DIFFERS: Shape(
        mean_tests.largest_difference,
        lambda x, _: friedman(x),
        mean_tests.equivalent,
    ),
    MORE: Shape(
        lambda x: mean_interval(x[:, 0]),
        lambda x, _: mean_tests.above(x[:, 0]),
        lambda x, smallest: mean_tests.below(x[:, 0], smallest),
    ),
    NOT_LESS: Shape(_best, _any_not_less, _all_less),
}
COMPARING = (FALLS, MOVES, DIFFERS)  # need two levels
