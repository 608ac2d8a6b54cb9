"""Membership figures apart for members that were initial images, and the others.

What a set leaks of rows that its images started from is more than of the others (Zhao
and Zhang 2025, "Does training with synthetic data truly protect privacy?").
"""

from typing import Any

import numpy as np

from dd_jax.audits.privacy.metrics import RESAMPLES, resolved
from dd_jax.audits.privacy.roc import area, curve, ranking, rates_at
from dd_jax.report.intervals import (
    bootstrap_interval,
    clopper_pearson,
    two_way_bootstrap,
)

LEVEL = "0.01"
FEWEST = 10  # members that figures are given of
_AT_ONCE = 25  # resamples


def by_use(
    scores: np.ndarray, member: np.ndarray, initial: np.ndarray, *, seed: int
) -> dict[str, dict[str, Any]]:
    """The figures of members that were initial images, and of all other members.

    Both are compared with the same non-members. Each target has few of them, so
    that targets count by how many they have: `AUC = sum_t n_t AUC_t / sum_t n_t`, with
    `AUC_t` that of n_t members of target t against its non-members. The TPR is at one
    threshold for the non-members of all targets pooled.

    Args:
      scores: `f[m n]`, row t against target t; higher = more likely a member.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      initial: `bool[m n]`, whether target t started from the row; members only.
      seed: of the resampling, which is that of `metrics.summarise`.

    Returns:
      `{used, not_used}`, each `{members, auc: {mean, ci, n}, tpr_at_fpr: {"0.01":
      {mean, ci, n, achieved_fpr, resolved}}}`; `members` counts pairs of a target and a
      row, n targets with one. None for numbers that are not resolved, and for all of
      fewer than 10 members.
    """
    return {
        "used": _figures(scores, member, initial, seed),
        "not_used": _figures(scores, member, member & ~initial, seed),
    }


def _figures(scores, member, counted, seed) -> dict[str, Any]:
    members, targets = int(counted.sum()), int(counted.any(1).sum())
    unknown = {"mean": None, "ci": None, "n": targets}
    enough = members >= FEWEST
    at_level = enough and resolved(float(LEVEL), int(np.sum(~member)))
    found = {"members": members, "auc": unknown}
    rate = unknown | {"achieved_fpr": None, "resolved": bool(at_level)}
    if enough:
        once, (low, high) = _estimates(scores, member, counted, seed)
        found["auc"] = {"mean": once[0], "ci": [low[0], high[0]], "n": targets}
    if at_level:
        trials = int(counted.any(0).sum())
        exact = clopper_pearson(once[1] * trials, trials)
        ci = [min(low[1], exact[0]), max(high[1], exact[1])]
        rate |= {"mean": once[1], "ci": ci, "achieved_fpr": once[2]}
    return found | {"tpr_at_fpr": {LEVEL: rate}}


def _estimates(scores, member, counted, seed):
    """AUC, TPR and achieved FPR, and the bounds of the first two."""
    models, points = scores.shape
    rankings = ranking(scores, member), [*map(ranking, scores, member)]
    statistics = lambda targets, columns: _statistics(
        *rankings, (counted | ~member) * targets[:, :, None] * columns[:, None], counted
    )
    (once,) = statistics(np.ones((1, models)), np.ones((1, points)))
    rng, pairs = np.random.default_rng(seed), (models + 1) // 2
    drawn = [*two_way_bootstrap(rng, pairs, points, RESAMPLES)]
    replicates = []
    for first in range(0, RESAMPLES, _AT_ONCE):
        of_pairs, of_points = map(np.stack, zip(*drawn[first : first + _AT_ONCE]))
        of_targets = np.repeat(of_pairs, 2, -1)[:, :models].astype(float)
        replicates.append(statistics(of_targets, of_points.astype(float)))
    spread = np.concatenate(replicates)[:, :2]
    low, high = bootstrap_interval(once[:2], spread, units=pairs)
    return once.tolist(), (low.tolist(), high.tolist())


def _statistics(pooled, rows, weights: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """AUC, TPR and achieved FPR of each weighting `f64[b m n]`: `f64[b 3]`.

    NaN where no counted member, or no non-member, has a weight.
    """
    sizes = (weights * counted).sum(-1)
    areas = np.stack(
        [area(curve(row, weights[:, t])) for t, row in enumerate(rows)], -1
    )
    known = sizes > 0
    with np.errstate(invalid="ignore"):
        auc = np.where(known, areas * sizes, 0).sum(-1) / sizes.sum(-1)
    whole = curve(pooled, weights.reshape(len(weights), -1))
    return np.stack([auc, *rates_at(whole, float(LEVEL))], -1)
