"""Metrics of a membership score, with confidence intervals.

NumPy on arrays: users recompute every figure from `scores.npz` with these.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dd_jax.audits.privacy.influence import of_mean_auc, of_rates
from dd_jax.audits.privacy.roc import (
    Roc,
    auc,
    balanced_accuracy,
    best_threshold,
    rates_at,
    roc,
    roc_points,
    step_at,
    tpr_at_fpr,
)
from dd_jax.report.intervals import (
    clopper_pearson,
    crossed_variance,
    student_t_quantile,
    wilson,
)
from dd_jax.types import InputError

__all__ = [
    "auc",
    "balanced_accuracy",
    "ppv",
    "resolved",
    "roc",
    "roc_points",
    "smallest_fpr",
    "summarise",
    "tpr_at_fpr",
]

LEVELS = ("0.1", "0.01", "0.001", "0.0001")
PRIORS = ("0.01", "0.1", "0.5")
MIN_FALSE_POSITIVES = 10


def smallest_fpr(member: Any) -> float:
    """Smallest non-zero FPR that a sample has: one over its number of non-members.

    >>> smallest_fpr([True, False, False])
    0.5
    """
    return 1 / int(np.sum(~np.asarray(member, bool)))


def resolved(level: float, non_members: int) -> bool:
    """Whether n non-members are enough to estimate rates at a level of FPR.

    True where the level allows at least 10 false positives, so that chance moves the
    achieved FPR by about a third of itself at most (`1 / sqrt 10`); this implies that
    the level is at least `smallest_fpr`.

    >>> resolved(0.01, 1000), resolved(0.001, 1000)
    (True, False)
    """
    return round(level * non_members, 6) >= MIN_FALSE_POSITIVES


def ppv(tpr: float, fpr: float, prior: float) -> float:
    """Precision: the share of true members among the points called members.

    `prior * TPR / (prior * TPR + (1 - prior) * FPR)`; NaN where nothing is called.

    Args:
      tpr: in [0, 1].
      fpr: in [0, 1].
      prior: share of members among the candidates, in [0, 1].

    >>> round(ppv(0.084, 0.001, 0.01), 3)
    0.459
    """
    called = prior * tpr + (1 - prior) * fpr
    return prior * tpr / called if called else float("nan")


def pair_variance(influence: np.ndarray) -> tuple[float, float]:
    """Variance and degrees of freedom, with pairs of targets and points as units."""
    pairs = np.add.reduceat(influence, np.arange(0, len(influence), 2), axis=0)
    return crossed_variance(pairs)


def bounds(low: float, high: float) -> list[float]:
    """An interval of fractions, cut to [0, 1]."""
    return [float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))]


def _mean_auc(scores: np.ndarray, member: np.ndarray) -> dict[str, Any]:
    """AUC averaged over targets: `AUC -+ t s`."""
    mean = float(np.mean([auc(*row) for row in zip(scores, member, strict=True)]))
    variance, degrees = pair_variance(of_mean_auc(scores, member))
    half = student_t_quantile(degrees) * np.sqrt(variance)
    return {"mean": mean, "ci": bounds(mean - half, mean + half), "n": len(scores)}


def _thresholds_of_others(
    scores: np.ndarray, member: np.ndarray, whole: Roc, seed: int
) -> np.ndarray:
    """Best threshold for each point, found on the other half of them: `f64[n]`."""
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    found = np.full(scores.shape[1], best_threshold(whole))
    halves = np.array_split(order, 2)
    if all(0 < member[:, half].sum() < member[:, half].size for half in halves):
        for half, other in zip(halves, halves[::-1], strict=True):
            found[half] = best_threshold(roc(scores[:, other], member[:, other]))
    return found


def _accuracy(
    scores: np.ndarray, member: np.ndarray, whole: Roc, seed: int
) -> dict[str, Any]:
    """Best balanced accuracy, whose interval pays for the choice of the threshold.

    The best threshold of a sample is too good for it, the more so the less there is to
    find. So the lower bound stands below the accuracy at thresholds that were found on
    other points, `cross - t s`, and the upper one above the middle of this and the
    best, `(cross + best) / 2 + t s`.
    """
    best = float(np.max(1 + whole.tpr - whole.fpr)) / 2
    thresholds = _thresholds_of_others(scores, member, whole, seed)
    gap, influence = of_rates(scores >= thresholds, member, 1.0)
    variance, degrees = pair_variance(influence / 2)
    cross, half = min((1 + gap) / 2, best), student_t_quantile(degrees) * variance**0.5
    ci = bounds(cross - half, max(best, (cross + best) / 2 + half))
    return {"mean": best, "ci": ci, "n": len(scores)}


def _rate(
    scores: np.ndarray, member: np.ndarray, whole: Roc, name: str
) -> dict[str, Any]:
    """TPR at one level of FPR of all targets pooled, or None where not resolved.

    Wilson's interval with as many trials as a binomial of this variance has; its upper
    bound is raised by what the TPR rises from the achieved FPR to the level, which
    matters where many scores are equal. Where all or no members are called it is that
    of Clopper and Pearson, with the distinct points as trials.
    """
    level, found = float(name), {"n": len(scores)}
    if not resolved(level, int(np.sum(~member))):
        numbers = {"mean": None, "ci": None, "achieved_fpr": None}
        return found | numbers | {"resolved": False}
    influence = lambda called, slope: of_rates(called, member, slope)[1]
    return found | rate_at(whole, level, scores, influence, int(member.any(0).sum()))


def rate_at(
    whole: Roc,
    level: float,
    scores: np.ndarray,
    influence: Callable[[np.ndarray, float], np.ndarray],
    points: int,
) -> dict[str, Any]:
    """The TPR at a resolved level with its interval, see `_at_level`.

    Args:
      whole: the ROC of all scores.
      level: of FPR.
      scores: `f64[m n]`.
      influence: `(called bool[m n], slope) -> f64[m n]`, on the TPR; slope is that of
        the ROC at the level.
      points: distinct members.
    """
    tpr, fpr = rates_at(whole, level)
    slope = _slope(whole, level)
    called = scores >= whole.thresholds[step_at(whole, level)]
    variance, degrees = pair_variance(influence(called, slope))
    if 0 < tpr < 1 and variance > 0:
        centre, half = wilson(tpr, tpr * (1 - tpr) / variance, degrees=degrees)
        ci = bounds(centre - half, centre + half + slope * (level - fpr))
    else:
        ci = list(clopper_pearson(tpr * points, points))
    return {"mean": tpr, "ci": ci, "achieved_fpr": fpr, "resolved": True}


def _slope(whole: Roc, level: float) -> float:
    """Rise of the TPR over that of the FPR, from half of a level to twice it."""
    (low, start), (high, end) = rates_at(whole, level / 2), rates_at(whole, 2 * level)
    return (high - low) / (end - start) if end > start else 0.0


def rates(scores: Any, member: Any) -> dict[str, dict[str, Any]]:
    """TPR at each of `LEVELS`, at thresholds that all targets and points share.

    Args and errors as in `summarise`.

    Returns:
      `{LEVEL: {mean, ci, n, achieved_fpr, resolved}}`.
    """
    whole = roc(scores, member)
    return {level: _rate(scores, member, whole, level) for level in LEVELS}


def _precision(tprs: dict[str, dict[str, Any]], prior: float) -> dict[str, Any]:
    """The Record of PPV at one prior, at the smallest resolved level."""
    levels = [level for level in LEVELS if tprs[level]["resolved"]]
    if not levels:
        return {"mean": None, "ci": None, "fpr": None}
    tpr, fpr = tprs[levels[-1]], float(levels[-1])
    ci = [ppv(bound, fpr, prior) for bound in tpr["ci"]]
    return {"mean": ppv(tpr["mean"], fpr, prior), "ci": ci, "fpr": fpr}


def summarise(scores: Any, member: Any, *, seed: int) -> dict[str, Any]:
    """The Record of one score: how much membership it leaks.

    AUC is the mean over targets of each target's own AUC. Balanced accuracy and the
    TPRs are read off one ROC of all targets pooled, a single threshold for all: only
    pooled targets have enough non-members for a low FPR.

    Intervals are 95 %. Targets and points are crossed (each point is scored against
    each target), and rows 2i and 2i+1 form one unit, since complementary targets share
    their shadows. Each figure is, to first order, a sum over cells of such a table
    (`dd_jax.audits.privacy.influence`), whose variance `crossed_variance` gives, with
    Student-t quantiles. The AUC of a perfect score has an interval of width 0. With one
    pair of targets or fewer, intervals cover only the draw of the points. The
    dependence between targets that share shadow models is not included.

    Args:
      scores: `f[m n]`, row t against target t; higher = more likely a member.
      member: `bool[m n]`, true where target t was given the point; each row has
        members and non-members, and rows 2i and 2i+1 are complements.
      seed: of the halves of the points that thresholds of each other are found on.

    Returns:
      `{auc, balanced_accuracy: {mean, ci, n}, tpr_at_fpr: {LEVEL: {mean, ci, n,
      achieved_fpr, resolved}}, ppv: {PRIOR: {mean, ci, fpr}}, smallest_fpr}`,
      JSON-able; n counts targets. A level that `resolved` refuses has None for its
      numbers. PPV is at the smallest resolved level, `fpr`; it takes the FPR to be
      that level.

    Raises:
      InputError: see `dd_jax.audits.privacy.roc.roc`; or not two axes.
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    if scores.ndim != 2:
        raise InputError(f"scores: shape {scores.shape}; need f[m n], a row a target")
    whole, tprs = roc(scores, member), rates(scores, member)
    return {
        "auc": _mean_auc(scores, member),
        "balanced_accuracy": _accuracy(scores, member, whole, seed),
        "tpr_at_fpr": tprs,
        "ppv": {prior: _precision(tprs, float(prior)) for prior in PRIORS},
        "smallest_fpr": smallest_fpr(member),
    }
