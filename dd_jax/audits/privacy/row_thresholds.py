"""TPR at thresholds of each row's own, set by its scores where it is no member.

One threshold for all rows meets a false positive rate on average only: rows whose
scores vary much where they are no members have nearly all of the false positives.

Source: Jälkö, Pradhan, Räisä and Honkela 2026, "On reliability of efficient membership
inference vulnerability evaluation" (scores calibrated by row before they are pooled, in
Gaussian terms). Here the target and its complement never enter the location and the
width that the target's score is compared with.
"""

from typing import Any

import numpy as np

from dd_jax.audits.privacy.metrics import LEVELS, rates
from dd_jax.types import InputError

LEAST_MODELS = 6  # so that each row has two OUT scores besides those of a target's pair


def standardised(scores: Any, member: Any) -> np.ndarray:
    """Each score less the mean of its row's OUT scores, over their standard deviation.

    `z_ti = (s_ti - mean_i) / width_i` over the targets that were not given row i, but
    t and its complement. The threshold c of z is the threshold `mean_i + c width_i` of
    the row's scores. Without information members and non-members have one law of z.

    Args:
      scores: `f[m n]`, row t against target t; finite.
      member: `bool[m n]`; rows 2i and 2i+1 are complements, at least 3 pairs.

    Returns:
      `f64[m n]`; 0 where a score equals all OUT scores of its row.

    Raises:
      InputError: shapes differ, or fewer than three pairs.

    >>> z = standardised([[9.0], [1.0], [5.0], [3.0], [5.0], [2.0]], [[1], [0]] * 3)
    >>> z[0].round(6).tolist()  # OUT, but for its pair: 3 and 2
    [9.192388]
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    m = len(scores)
    if scores.shape != member.shape or scores.ndim != 2 or m < LEAST_MODELS or m % 2:
        raise InputError(
            f"scores: shape {scores.shape} with member {member.shape}; need f[m n] and "
            f"bool[m n] with m even and at least {LEAST_MODELS}"
        )

    def without_pair(values: np.ndarray) -> np.ndarray:
        """Sum over the targets that are not of the pair of each: `f64[m n]`."""
        of_pairs = values.reshape(m // 2, 2, -1).sum(1)
        return np.repeat(of_pairs.sum(0) - of_pairs, 2, axis=0)

    out = ~member
    centred = scores - (scores * out).sum(0) / np.maximum(out.sum(0), 1)
    count = without_pair(1.0 * out)
    mean = without_pair(centred * out) / np.maximum(count, 1)
    squares = without_pair(centred**2 * out) - count * mean**2
    width = np.sqrt(np.maximum(squares, 0) / np.maximum(count - 1, 1))
    gap, scale = centred - mean, np.abs(scores).max(0)
    gap[np.abs(gap) <= 1e-9 * scale] = 0.0
    return gap / np.maximum(width, 1e-9 * np.maximum(scale, 1e-300))


def rates_at_row_thresholds(scores: Any, member: Any) -> dict[str, dict[str, Any]]:
    """TPR at each level of FPR, at thresholds that each row's own OUT scores set.

    The FPR is that of all rows together, as in `rates`; how it is shared out among rows
    is what differs. It is equal for all where the OUT scores of rows have laws of one
    form.

    Args:
      scores: `f[m n]`, row t against target t; finite.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.

    Returns:
      `{LEVEL: {mean, ci, n, achieved_fpr, resolved}}`, as `rates` gives them; None and
      not resolved with fewer than three pairs of targets.
    """
    if len(scores) < LEAST_MODELS:
        numbers = {"mean": None, "ci": None, "n": len(scores), "achieved_fpr": None}
        return {level: numbers | {"resolved": False} for level in LEVELS}
    return rates(standardised(scores, member), np.asarray(member, bool))
