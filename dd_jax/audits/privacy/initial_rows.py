"""Membership figures apart for members that were initial images, and the others.

What a set leaks of rows that its images started from is more than of the others (Zhao
and Zhang 2025, "Does training with synthetic data truly protect privacy?").
"""

from typing import Any

import numpy as np

from dd_jax.audits.privacy.influence import share_below
from dd_jax.audits.privacy.metrics import bounds, pair_variance, rate_at, resolved
from dd_jax.audits.privacy.roc import rates_at, roc
from dd_jax.report.intervals import student_t_quantile

LEVEL = "0.01"
FEWEST = 10  # members that figures are given of


def by_use(
    scores: np.ndarray, member: np.ndarray, initial: np.ndarray
) -> dict[str, dict[str, Any]]:
    """The figures of members that were initial images, and of all other members.

    Both are compared with the same non-members. Each target has few of them, so that
    targets count by how many they have: `AUC = sum_t n_t AUC_t / sum_t n_t`, with
    `AUC_t` that of n_t members of target t against its non-members. The TPR is at one
    threshold for the non-members of all targets pooled. Intervals are 95 %, by the
    influences of cells as in `metrics.summarise`.

    Args:
      scores: `f[m n]`, row t against target t; higher = more likely a member.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      initial: `bool[m n]`, whether target t started from the row; members only.

    Returns:
      `{used, not_used}`, each `{members, auc: {mean, ci, n}, tpr_at_fpr: {"0.01":
      {mean, ci, n, achieved_fpr, resolved}}}`; `members` counts pairs of a target and a
      row, n targets with one. None for numbers that are not resolved, and for all of
      fewer than 10 members.
    """
    scores = np.asarray(scores, np.float64)
    sides = {"used": initial, "not_used": member & ~initial}
    return {
        use: {
            "members": int(counted.sum()),
            "auc": _auc(scores, member, counted),
            "tpr_at_fpr": {LEVEL: _rate(scores, member, counted)},
        }
        for use, counted in sides.items()
    }


def _unknown(counted: np.ndarray) -> dict[str, Any]:
    return {"mean": None, "ci": None, "n": int(counted.any(1).sum())}


def _auc(scores, member, counted) -> dict[str, Any]:
    found, total = _unknown(counted), counted.sum()
    if total < FEWEST:
        return found
    wins, losses = np.zeros(scores.shape), np.zeros(scores.shape)
    for t, (row, inside, chosen) in enumerate(zip(scores, member, counted)):
        if chosen.any():
            wins[t, chosen] = share_below(row[chosen], row[~inside])
            lost = 1 - share_below(row[~inside], row[chosen]) - wins[t, chosen].mean()
            losses[t, ~inside] = lost * chosen.sum() / (~inside).sum()
    mean = wins.sum() / total
    variance, degrees = pair_variance(
        (np.where(counted, wins - mean, 0) + losses) / total
    )
    half = student_t_quantile(degrees) * np.sqrt(variance)
    return found | {"mean": float(mean), "ci": bounds(mean - half, mean + half)}


def _rate(scores, member, counted) -> dict[str, Any]:
    """TPR of the counted members; Wilson's interval, or that of Clopper and Pearson."""
    found, level = _unknown(counted), float(LEVEL)
    if counted.sum() < FEWEST or not resolved(level, int(np.sum(~member))):
        return found | {"achieved_fpr": None, "resolved": False}
    present = counted | ~member
    whole = roc(scores[present], counted[present])
    tpr, fpr = rates_at(whole, level)

    def influence(called: np.ndarray, slope: float) -> np.ndarray:
        of_members = np.where(counted, called - tpr, 0) / counted.sum()
        of_others = np.where(member, 0, called - fpr) / np.sum(~member)
        return of_members - slope * of_others

    return found | rate_at(whole, level, scores, influence, int(counted.any(0).sum()))
