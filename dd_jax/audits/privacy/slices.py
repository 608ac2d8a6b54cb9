"""Membership figures of each class or group: an average hides the most vulnerable."""

from typing import Any

import numpy as np

from dd_jax.audits.privacy.metrics import summarise
from dd_jax.types import InputError


def by_group(
    scores: Any, member: Any, groups: Any, *, seed: int
) -> dict[int, dict[str, Any] | None]:
    """Summarises a score within each group of points, with thresholds of its own.

    A pair of targets that was given all or none of a group's points has no members or
    no non-members there, and is left out of that group.

    Args:
      scores: `f[m n]`, row t against target t.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      groups: `i[n]`: labels, or group ids.
      seed: of the intervals.

    Returns:
      `{group: figures}`, as `dd_jax.audits.privacy.metrics.summarise` gives them, in
      order of the group; None for a group that no pair of targets splits.

    Raises:
      InputError: shapes that disagree.
    """
    scores, member = np.asarray(scores, np.float64), np.asarray(member, bool)
    groups = np.asarray(groups)
    if scores.ndim != 2 or groups.shape != scores.shape[1:]:
        raise InputError(
            f"groups: shape {groups.shape} against scores {scores.shape}; need i[n] "
            "with f[m n]"
        )
    figures: dict[int, dict[str, Any] | None] = {}
    for group in np.unique(groups):
        member_of = member[:, groups == group]
        split = member_of.any(1) & ~member_of.all(1)
        pairs = np.repeat(split[::2] & split[1::2], 2)
        scores_of = scores[:, groups == group]
        figures[int(group)] = (
            summarise(scores_of[pairs], member_of[pairs], seed=seed)
            if pairs.any()
            else None
        )
    return figures
