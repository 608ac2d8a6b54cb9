"""TPR at thresholds of each row's own, set by its scores where it is no member.

One threshold for all rows meets a false positive rate on average only: rows whose
scores vary much where they are no members have nearly all of the false positives.

Source: Jälkö, Pradhan, Räisä and Honkela 2026, "On reliability of efficient membership
inference vulnerability evaluation" (scores calibrated by row before they are pooled, in
Gaussian terms).

Here what a target's score is compared with never depends on the target or its
complement: they are no shadows of it either. As shadows they would be IN where the
target was given the row and OUT where not, and without a leak the TPR of scores such as
`lira_online` would be far below the FPR.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.metrics import LEVELS, rates
from dd_jax.audits.privacy.scores import Score, all_targets
from dd_jax.types import Array, InputError

LEAST_MODELS = 6  # so that each row has two OUT scores besides those of a target's pair


def scores_without_pairs(
    score: str | Score,
    logits: Array,
    labels: Array,
    member: np.ndarray,
    *,
    shared: int = 0,
    **options: Any,
) -> list[np.ndarray]:
    """Scores against the other targets, as if a pair of targets did not exist.

    Args:
      score: a key of `SCORES`, or a `Score`.
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`; rows 2i and 2i+1 are complements, at least 3 pairs.
      shared: number of first models that are shadows only.
      **options: of the score.

    Returns:
      For each pair of the `t = m - shared` targets, `f32[t-2 n]`.
    """
    found, logits = [], jnp.asarray(logits)
    for target in range(shared, len(member), 2):
        kept = np.delete(np.arange(len(member)), [target, target + 1])
        rest = all_targets(score, logits[kept], labels, member[kept], **options)
        found.append(np.asarray(rest, np.float64)[shared:])
    return found


def standardised(scores: Any, member: Any, others: Sequence[np.ndarray]) -> np.ndarray:
    """Each score less the mean of its row's OUT scores, over their standard deviation.

    `z_ti = (s_ti - mean_i) / width_i` over the targets that were not given row i, but
    t and its complement. The threshold c of z is the threshold `mean_i + c width_i` of
    the row's scores. Without information members and non-members have one law of z.

    Args:
      scores: `f[m n]`, row t against target t; finite.
      member: `bool[m n]`; rows 2i and 2i+1 are complements, at least 3 pairs.
      others: for each pair, `f[m-2 n]`: see `scores_without_pairs`.

    Returns:
      `f64[m n]`; 0 where a score equals all OUT scores of its row.

    Raises:
      InputError: shapes differ, or fewer than three pairs.
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    m = len(scores)
    if scores.shape != member.shape or scores.ndim != 2 or m < LEAST_MODELS or m % 2:
        raise InputError(
            f"scores: shape {scores.shape} with member {member.shape}; need f[m n] and "
            f"bool[m n] with m even and at least {LEAST_MODELS}"
        )
    found = np.empty(scores.shape)
    for pair, rest in enumerate(others):
        rows = [2 * pair, 2 * pair + 1]
        out = ~np.delete(member, rows, axis=0)
        count = np.maximum(out.sum(0), 1)
        mean = np.sum(rest, axis=0, where=out) / count
        squares = np.sum((rest - mean) ** 2, axis=0, where=out)
        width = np.sqrt(squares / np.maximum(count - 1, 1))
        gap, least = scores[rows] - mean, 1e-6 * np.abs(rest).max(0) + 1e-30
        gap[np.abs(gap) <= least] = 0.0
        found[rows] = gap / np.maximum(width, least)
    return found


def rates_at_row_thresholds(
    scores: Any, member: Any, others: Sequence[np.ndarray]
) -> dict[str, dict[str, Any]]:
    """TPR at each level of FPR, at thresholds that each row's own OUT scores set.

    The FPR is that of all rows together, as in `rates`; how it is shared out among rows
    is what differs. It is equal for all where the OUT scores of rows have laws of one
    form.

    Args:
      scores: `f[m n]`, row t against target t; finite.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      others: see `scores_without_pairs`; not used with fewer than three pairs.

    Returns:
      `{LEVEL: {mean, ci, n, achieved_fpr, resolved}}`, as `rates` gives them; None and
      not resolved with fewer than three pairs of targets.
    """
    if len(scores) < LEAST_MODELS:
        numbers = {"mean": None, "ci": None, "n": len(scores), "achieved_fpr": None}
        return {level: numbers | {"resolved": False} for level in LEVELS}
    z = standardised(scores, member, others)
    return rates(z, np.asarray(member, bool))
