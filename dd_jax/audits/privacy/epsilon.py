"""Lower bounds on the epsilon of differential privacy, from attacks that succeeded."""

import math

import numpy as np
from scipy import stats

from dd_jax.intervals import clopper_pearson
from dd_jax.types import InputError


def epsilon_from_rates(
    true_positives: int,
    members: int,
    false_positives: int,
    non_members: int,
    *,
    delta: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """The epsilon that one threshold attack rules out everything below.

    `log((TPR_low - delta) / FPR_high)`, at least 0, from the Clopper-Pearson bounds of
    the two rates, each with half of the error on either side.

    Args:
      true_positives: members called members.
      members: of so many, each drawn by an independent coin.
      false_positives: non-members called members.
      non_members: of so many.
      delta: of (epsilon, delta), in [0, 1).
      confidence: that the bound holds, in (0, 1).

    Returns:
      `epsilon >= 0`; 0 rules out nothing.

    Source: Nasr et al. 2021, "Adversary instantiation", section III-D.

    >>> round(epsilon_from_rates(60, 100, 5, 100), 6)
    1.483085
    """
    low, _ = clopper_pearson(true_positives, members, confidence)
    _, high = clopper_pearson(false_positives, non_members, confidence)
    return max(math.log((low - delta) / high), 0.0) if low > delta else 0.0


def _chance(epsilon: float, points: int, guesses: int, right: int, delta: float):
    """Bound on the chance of so many right guesses under (epsilon, delta)-DP."""
    law = stats.binom(guesses, 1 / (1 + math.exp(-epsilon)))
    extra = np.arange(1, right + 1)
    # P[right - i <= W < right] / i: how much a shift of the count by i can buy
    between = law.cdf(right - 1) - law.cdf(right - 1 - extra)
    bought = np.max(between / extra, initial=0.0)
    return law.sf(right - 1) + 2 * points * delta * bought


def epsilon_from_one_run(
    points: int,
    guesses: int,
    right: int,
    *,
    delta: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """The epsilon that the guesses on one trained model rule out everything below.

    Each point was given to the model by its own fair coin; the attacker guessed
    `guesses` of the coins. Under (epsilon, delta)-DP the chance of v = `right` or more
    right ones is at most `P[W >= v] + 2 m delta max_i P[v - i <= W < v] / i` with
    `W ~ Binomial(guesses, 1 / (1 + e^-epsilon))`; the bound is the epsilon at which
    that reaches `1 - confidence`.

    Args:
      points: m, the points with a coin.
      guesses: in [1, points].
      right: in [0, guesses].
      delta: of (epsilon, delta), in [0, 1).
      confidence: that the bound holds, in (0, 1).

    Returns:
      `epsilon >= 0`; 0 rules out nothing.

    Raises:
      InputError: counts out of order.

    Source: Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training
    run", theorem 5.2.

    >>> round(epsilon_from_one_run(1000, 200, 150), 4)
    0.8214
    """
    if not 0 <= right <= guesses <= points or guesses < 1:
        raise InputError(
            f"epsilon_from_one_run: {right} right of {guesses} guesses on {points} "
            "points; need 0 <= right <= guesses <= points and a guess at least"
        )
    ruled_out = lambda eps: (
        _chance(eps, points, guesses, right, delta) <= 1 - confidence
    )
    low, high = 0.0, 1.0
    if not ruled_out(low):
        return 0.0
    while ruled_out(high):
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if ruled_out(middle) else (low, middle)
    return low
