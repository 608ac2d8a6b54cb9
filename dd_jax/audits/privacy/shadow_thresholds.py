"""TPR and FPR of an attacker who fixes the threshold before attacking the target.

A ROC chooses its thresholds on the points that it is evaluated on. Here each target's
threshold comes from its shadows, and the false positive rate that is then achieved
is reported beside the nominal one. NumPy on arrays.
"""

from typing import Any

import numpy as np

from dd_jax.audits.privacy.metrics import resolved
from dd_jax.report.intervals import mean_interval
from dd_jax.types import InputError


def shadow_threshold(scores: Any, member: Any, target: int, level: float) -> float:
    """Lowest threshold whose FPR on the shadows of a target is at most a level.

    The shadows are the rows other than `target` and its complement `target ^ 1`. A
    point is called a member when its score is *above* the threshold.

    Args:
      scores: `f[m n]`, row t against model t.
      member: `bool[m n]`.
      target: row under attack.
      level: nominal false positive rate, in [0, 1).

    >>> scores = [[0, 0, 0, 0]] * 2 + [[1, 2, 3, 4], [5, 6, 7, 8]]
    >>> shadow_threshold(scores, np.tile([[1, 1, 0, 0], [0, 0, 1, 1]], (2, 1)), 0, 0.25)
    5.0
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    shadows = np.ones(len(scores), bool)
    shadows[[target, target ^ 1]] = False
    out = np.sort(scores[shadows][~member[shadows]])[::-1]
    return float(out[int(round(level * len(out), 6))])


def _over_targets(rates: np.ndarray) -> dict[str, Any]:
    """Mean over targets with its t interval in [0, 1]; pairs are the units."""
    of_pairs = mean_interval(rates.reshape(-1, 2).mean(1))
    low, high = of_pairs["ci"]
    return of_pairs | {"ci": [max(low, 0.0), min(high, 1.0)], "n": len(rates)}


def rates_at_shadow_thresholds(
    scores: Any, member: Any, level: float
) -> dict[str, Any]:
    """TPR and FPR on each target at the threshold that its shadows give for a level.

    Each row's scores compare its model with the others, the target among them, so the
    thresholds depend on the target as far as its shadows' scores do.

    Args:
      scores: `f[m n]`, row t against target t, without NaN.
      member: `bool[m n]`; rows 2i and 2i+1 are complements, at least 2 pairs.
      level: nominal false positive rate, in (0, 1).

    Returns:
      `{"tpr": {mean, ci, n}, "achieved_fpr": {mean, ci, n}, "resolved": bool}`, 95 %
      over targets; None for tpr and achieved_fpr where the shadows' non-members cannot
      resolve the level.

    Raises:
      InputError: shapes differ, or fewer than two pairs.
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    models = len(scores)
    if scores.ndim != 2 or scores.shape != member.shape or models < 4 or models % 2:
        raise InputError(
            f"scores: shape {scores.shape} with member {member.shape}; need f[m n] and "
            "bool[m n] with m even and at least 4"
        )
    if not resolved(level, int(np.sum(~member)) * (models - 2) // models):
        return {"tpr": None, "achieved_fpr": None, "resolved": False}
    thresholds = [shadow_threshold(scores, member, t, level) for t in range(models)]
    called = scores > np.array(thresholds)[:, None]
    tpr = np.sum(called & member, 1) / member.sum(1)
    fpr = np.sum(called & ~member, 1) / np.sum(~member, 1)
    return {
        "tpr": _over_targets(tpr),
        "achieved_fpr": _over_targets(fpr),
        "resolved": True,
    }
