"""The ROC curve of a membership score as a step function, and rates read from it.

NumPy on arrays. A point is called a member when its score is at least the
threshold; only thresholds that occur are used, nothing is interpolated, and points that
share a score are called at once. Higher score = more likely a member. Arrays of any
shape are pooled.
"""

from typing import Any, NamedTuple

import numpy as np

from dd_jax.types import InputError


class Roc(NamedTuple):
    """A ROC curve; one entry for each distinct score, from (0, 0) to (1, 1).

    Attributes:
      fpr: `f64[t]`, share of non-members called members.
      tpr: `f64[t]`, share of members called members.
      thresholds: `f64[t]`, descending; the first is infinite.
    """

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray


def roc(scores: Any, member: Any) -> Roc:
    """The ROC curve of pooled scores.

    Args:
      scores: `f[...]`, higher = more likely a member; infinities allowed.
      member: `bool[...]` of the same shape.

    Raises:
      InputError: shapes differ, a score is NaN, or one side is empty.

    >>> roc([3, 2, 2, 1], [True, True, False, False]).tpr.tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    if scores.shape != member.shape:
        raise InputError(
            f"member: shape {member.shape} against scores {scores.shape}; need the same"
        )
    scores, member = scores.ravel(), member.ravel()
    if np.isnan(scores).any():
        raise InputError(
            f"scores: {np.isnan(scores).sum()} of {scores.size} are NaN; need numbers "
            "(a model that diverged gives NaN logits)"
        )
    if member.all() or not member.any():
        raise InputError(
            f"member: {member.sum()} members of {member.size}; need members and "
            "non-members"
        )
    order = np.argsort(-scores, kind="stable")
    ordered, inside = scores[order], member[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def rate(side: np.ndarray) -> np.ndarray:
        return np.append(0, np.cumsum(side)[ends]) / side.sum()

    return Roc(rate(~inside), rate(inside), np.append(np.inf, ordered[ends]))


def best_threshold(points: Roc) -> float:
    """The threshold of the highest balanced accuracy, the largest if several."""
    return float(points.thresholds[np.argmax(points.tpr - points.fpr)])


def step_at(points: Roc, level: float) -> int:
    """The number of the entry with the largest FPR that is at most `level`."""
    return max(int(np.searchsorted(points.fpr, level, side="right")) - 1, 0)


def rates_at(points: Roc, level: float) -> tuple[float, float]:
    """`(tpr, achieved_fpr)` at the largest FPR that is at most `level`."""
    step = step_at(points, level)
    return float(points.tpr[step]), float(points.fpr[step])


def auc(scores: Any, member: Any) -> float:
    """Probability that a member outscores a non-member, ties counted one half.

    `P[s_in > s_out] + P[s_in = s_out] / 2`, the Mann-Whitney statistic: 0.5 for a
    score independent of membership, 1 for a perfect one.

    >>> auc([3, 2, 2, 1], [True, True, False, False])
    0.875
    """
    points = roc(scores, member)
    return float(np.trapezoid(points.tpr, points.fpr))


def balanced_accuracy(scores: Any, member: Any) -> float:
    """Best balanced accuracy over thresholds, `max_t (1 + TPR - FPR) / 2`.

    In [0.5, 1]. The threshold is chosen on the points that it is evaluated on, so that
    pure noise on few points gives slightly more than 0.5.
    """
    points = roc(scores, member)
    return float(np.max(1 + points.tpr - points.fpr) / 2)


def tpr_at_fpr(scores: Any, member: Any, level: float) -> tuple[float, float]:
    """TPR at the largest achieved FPR that does not exceed a level.

    Args:
      scores: `f[...]`.
      member: `bool[...]`.
      level: false positive rate allowed, in [0, 1].

    Returns:
      `(tpr, achieved_fpr)`, both in [0, 1].

    >>> tpr_at_fpr([4, 3, 2, 1], [True, False, True, False], 0.5)
    (1.0, 0.5)
    """
    return rates_at(roc(scores, member), level)


def roc_points(scores: Any, member: Any, limit: int = 200) -> dict[str, list[float]]:
    """A ROC thinned for drawing on log-log axes.

    Args:
      scores: `f[...]`.
      member: `bool[...]`.
      limit: most points to keep, at least 3.

    Returns:
      `{"fpr": [...], "tpr": [...]}`: points of the curve nearest below `limit - 1`
      rates spaced evenly in log FPR from the smallest resolvable one to 1, and the
      best point without a false positive first.
    """
    points = roc(scores, member)
    smallest = 1 / np.sum(~np.asarray(member, bool))
    grid = np.append(0.0, np.geomspace(smallest, 1.0, limit - 1))
    grid[-1] = 1.0
    steps = np.unique(np.searchsorted(points.fpr, grid, side="right") - 1)
    return {"fpr": points.fpr[steps].tolist(), "tpr": points.tpr[steps].tolist()}
