"""Empirical lower bounds on the epsilon of differential privacy, from attack results.

These audit a claimed epsilon: an attack that succeeds more often than (epsilon, delta)
allows refutes the claim.
"""

import math

import numpy as np
from scipy import stats

from dd_jax.report.intervals import clopper_pearson
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
    """Lower bound on epsilon from the TPR and FPR of one threshold.

    `log((TPR_low - delta) / FPR_high)`, at least 0, from the Clopper-Pearson bounds of
    the two rates, each with half of the error on either side.

    Args:
      true_positives: members called members, in [0, members].
      members: number of members, each drawn independently.
      false_positives: non-members called members, in [0, non_members].
      non_members: number of non-members, each drawn independently.
      delta: of (epsilon, delta), in [0, 1).
      confidence: that the bound holds, in (0, 1).

    Returns:
      `epsilon >= 0`; every smaller epsilon is refuted.

    Raises:
      InputError: counts out of range.

    Source: Nasr et al. 2021, "Adversary instantiation", section III-D.

    >>> round(epsilon_from_rates(60, 100, 5, 100), 6)
    1.483085
    """
    low, _ = clopper_pearson(true_positives, members, confidence)
    _, high = clopper_pearson(false_positives, non_members, confidence)
    return max(math.log((low - delta) / high), 0.0) if low > delta else 0.0


def _p_value(epsilon: float, points: int, guesses: int, correct: int, delta: float):
    """Bound on the chance of `correct` or more right guesses under (epsilon, delta)."""
    law = stats.binom(guesses, 1 / (1 + math.exp(-epsilon)))
    shift = np.arange(1, correct + 1)
    # P[correct - i <= W < correct] / i: the most that delta can add by a shift of i
    between = law.cdf(correct - 1) - law.cdf(correct - 1 - shift)
    added = np.max(between / shift, initial=0.0)
    return law.sf(correct - 1) + 2 * points * delta * added


def epsilon_from_one_run(
    points: int,
    guesses: int,
    correct: int,
    *,
    delta: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """Lower bound on epsilon from membership guesses on one trained model.

    Each point is included by an independent fair coin; the attacker guesses `guesses`
    of the coins. Under (epsilon, delta)-DP the chance of v = `correct` or more correct
    guesses is at most `P[W >= v] + 2 m delta max_i P[v - i <= W < v] / i` with
    `W ~ Binomial(guesses, 1 / (1 + e^-epsilon))`; the bound is the epsilon at which
    that reaches `1 - confidence`.

    Args:
      points: m, the points that are included or not by a coin.
      guesses: in [1, points].
      correct: in [0, guesses].
      delta: of (epsilon, delta), in [0, 1).
      confidence: that the bound holds, in (0, 1).

    Returns:
      `epsilon >= 0`; every smaller epsilon is refuted.

    Raises:
      InputError: counts out of range.

    Source: Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training
    run", theorem 5.2.

    >>> round(epsilon_from_one_run(1000, 200, 150), 4)
    0.8214
    """
    if not 0 <= correct <= guesses <= points or guesses < 1:
        raise InputError(
            f"epsilon_from_one_run: {correct} correct of {guesses} guesses on {points} "
            "points; need 0 <= correct <= guesses <= points and 1 guess or more"
        )
    refuted = lambda epsilon: (
        _p_value(epsilon, points, guesses, correct, delta) <= 1 - confidence
    )
    low, high = 0.0, 1.0
    if not refuted(low):
        return 0.0
    while refuted(high):
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


SURE = 1 - 1e-6  # confidence of bounds that refute a claim: a right one by no accident


def require_not_refuted(claimed: float, audited: float, source: str) -> None:
    """Refuses a claim that a lower bound is above, one at the confidence `SURE`.

    Raises:
      InputError: so it is.
    """
    if audited > claimed:
        raise InputError(
            f"dp.epsilon: {source} shows an epsilon of {audited:.4g} or more, where "
            f"{claimed:.4g} is claimed, by an error of the program; the set must not "
            "be published"
        )
