"""Metrics of a membership score, with confidence intervals.

NumPy on arrays: users recompute every figure from `scores.npz` with these.
"""

import itertools
from typing import Any

import numpy as np

from dd_jax.audits.privacy.roc import (
    Ranking,
    Roc,
    area,
    auc,
    balanced_accuracy,
    best_accuracy,
    curve,
    ranking,
    rates_at,
    roc,
    roc_points,
    tpr_at_fpr,
)
from dd_jax.report.intervals import (
    bootstrap_interval,
    clopper_pearson,
    two_way_bootstrap,
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
RESAMPLES = 200
_NUMBERS = (
    1 << 18
)  # weights of resamples that are alive at once: they stay in the cache


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


def _statistics(
    pooled: Ranking, rows: list[Ranking], weights: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """AUC averaged over targets, then pooled balanced accuracy and TPR at LEVELS.

    Args:
      pooled: all targets and points.
      rows: of each of m targets.
      weights: of the targets, `f64[b m]`.
      points: weights of the points, `f64[b n]`.

    Returns:
      `f64[b 6]`.
    """
    areas = np.zeros(weights.shape)
    for areas_of_row, weight, row in zip(areas.T, weights.T, rows, strict=True):
        drawn = weight > 0  # others may have no area
        areas_of_row[drawn] = area(curve(row, points[drawn]))
    whole = curve(
        pooled, (weights[:, :, None] * points[:, None]).reshape(len(points), -1)
    )
    rates = [rates_at(whole, float(level))[0] for level in LEVELS]
    auc_mean = (weights * areas).sum(-1) / weights.sum(-1)
    return np.stack([auc_mean, best_accuracy(whole), *rates], -1)


def _resampled(
    pooled: Ranking, rows: list[Ranking], points: int, seed: int
) -> np.ndarray:
    """`_statistics` of each resample, `f64[RESAMPLES 6]`, in quick batches."""
    rng, models = np.random.default_rng(seed), len(rows)
    draws = two_way_bootstrap(rng, (models + 1) // 2, points, RESAMPLES)
    at_once = max(1, _NUMBERS // (models * points))
    found = []
    while some := list(itertools.islice(draws, at_once)):
        of_pairs, of_points = map(np.stack, zip(*some, strict=True))
        weights = np.repeat(of_pairs, 2, -1)[:, :models].astype(float)
        found.append(_statistics(pooled, rows, weights, of_points.astype(float)))
    return np.concatenate(found)


def _at_level(
    estimate: dict[str, Any], level: str, whole: Roc, member: np.ndarray
) -> dict[str, Any]:
    """The Record of one FPR level: the interval widened, or None if not resolved."""
    if not resolved(float(level), int(np.sum(~member))):
        numbers = {"mean": None, "ci": None, "achieved_fpr": None}
        return estimate | numbers | {"resolved": False}
    trials = int(member.any(0).sum())
    low, high = clopper_pearson(estimate["mean"] * trials, trials)
    ci = [min(low, estimate["ci"][0]), max(high, estimate["ci"][1])]
    achieved = float(rates_at(whole, float(level))[1])
    return estimate | {"ci": ci, "achieved_fpr": achieved, "resolved": True}


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
    each target), so both are resampled, independently and with replacement, 200
    times (`two_way_bootstrap`); rows 2i and 2i+1 form one unit, since complementary
    targets share their shadows. The interval is that of `bootstrap_interval`, with
    pairs of targets as units. For a TPR it is
    widened to hold the Clopper-Pearson interval with the distinct member points as
    trials, because resampling has no spread at 0 or 1 and few points may carry all
    of the leakage; the AUC of a perfect score has an interval of width 0. With one pair
    of targets or fewer, intervals cover only the draw of the points. The dependence
    between targets that share shadow models is not included.

    Args:
      scores: `f[m n]`, row t against target t; higher = more likely a member.
      member: `bool[m n]`, true where target t was given the point; each row has
        members and non-members, and rows 2i and 2i+1 are complements.
      seed: of the resampling.

    Returns:
      `{auc, balanced_accuracy: {mean, ci, n}, tpr_at_fpr: {LEVEL: {mean, ci, n,
      achieved_fpr, resolved}}, ppv: {PRIOR: {mean, ci, fpr}}, smallest_fpr}`,
      JSON-able; n counts targets. A level that `resolved` refuses has None for its
      numbers. PPV is at the smallest resolved level, `fpr`; it takes the FPR to be
      that level.

    Raises:
      InputError: see `dd_jax.audits.privacy.roc.ranking`; or not two axes.

    Source of the two-way resampling: Owen 2007, "The pigeonhole bootstrap".
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    if scores.ndim != 2:
        raise InputError(f"scores: shape {scores.shape}; need f[m n], a row a target")
    pooled = ranking(scores, member)
    rows = [ranking(*row) for row in zip(scores, member, strict=True)]
    models, points = scores.shape

    (once,) = _statistics(pooled, rows, np.ones((1, models)), np.ones((1, points)))
    drawn = _resampled(pooled, rows, points, seed)
    lows, highs = bootstrap_interval(once, drawn, units=(models + 1) // 2)

    auc_mean, accuracy, *rates = (
        {"mean": float(mean), "ci": [float(low), float(high)], "n": models}
        for mean, low, high in zip(once, lows, highs, strict=True)
    )
    whole = curve(pooled)
    tprs = {
        level: _at_level(estimate, level, whole, member)
        for level, estimate in zip(LEVELS, rates, strict=True)
    }
    return {
        "auc": auc_mean,
        "balanced_accuracy": accuracy,
        "tpr_at_fpr": tprs,
        "ppv": {prior: _precision(tprs, float(prior)) for prior in PRIORS},
        "smallest_fpr": smallest_fpr(member),
    }
