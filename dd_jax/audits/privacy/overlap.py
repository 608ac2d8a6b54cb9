"""Which members several attacks find: each alone, each pair, any of them.

Attacks of the same AUC can find other rows: what one leaves may be found by the next.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import chex
import numpy as np

from dd_jax.audits.privacy.metrics import resolved
from dd_jax.audits.privacy.roc import roc, step_at

LEVEL = "0.01"


def called_members(scores: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Points called members, at the threshold of the largest FPR that is at most 1 %.

    Args:
      scores: `f[m n]`, of each model in turn; one threshold for all, as in the ROC.
      member: `bool[m n]`.

    Returns:
      `bool[m n]`.

    >>> scores = np.arange(200.0)[None]
    >>> called_members(scores, np.arange(200)[None] >= 198).sum()
    np.int64(3)
    """
    points = roc(scores, member)
    return scores >= points.thresholds[step_at(points, float(LEVEL))]


def found_shares(called: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Of the models that were given a row, the share in which it is called a member.

    Args:
      called: `bool[m n]`.
      member: `bool[m n]`.

    Returns:
      `f64[n]`, NaN for a row that no model was given.
    """
    given = member.sum(0)
    found = (called & member).sum(0)
    return np.divide(found, given, out=np.full(len(given), np.nan), where=given > 0)


def overlap(called: Mapping[str, np.ndarray], member: np.ndarray) -> dict[str, Any]:
    """Shares of the members that attacks find, alone and together.

    With `F_a` the pairs (model, member) that attack a calls members at 1 % FPR, of M
    pairs: found `|F_a| / M`, by it alone `|F_a - U_b F_b| / M`, with each other attack
    the Jaccard index `|F_a & F_b| / |F_a | F_b|`; by any `|U_a F_a| / M`, which has a
    false-positive rate of its own, and by all.

    Args:
      called: `{score: bool[m n]}`, by `called_members`.
      member: `bool[m n]`.

    Returns:
      `{"members", "any", "any_fpr", "all", "scores": {score: {"found", "alone",
      "jaccard": {other: index}}}}`; an index is None where neither finds a member.
      Empty for fewer than two attacks, and where so few non-members are there that
      1 % does not resolve.

    Source: Wang, Zhang, Chen and Wu 2025, "Membership inference attacks as privacy
    tools": coverage and disparity. Differs in: their sets of several instances of an
    attack are here those of one.

    >>> called = {"a": np.ones((1, 2000), bool), "b": np.zeros((1, 2000), bool)}
    >>> found = overlap(called, np.arange(2000)[None] < 1000)
    >>> found["any"], found["all"], found["scores"]["a"]["alone"]
    (1.0, 0.0, 1.0)
    """
    if len(called) < 2 or not resolved(float(LEVEL), int((~member).sum())):
        return {}
    chex.assert_equal_shape([member, *called.values()])
    count = int(member.sum())
    share = lambda which: float((which & member).sum() / count)
    times = np.sum(list(called.values()), axis=0)
    scores = {
        name: {"found": share(own), "alone": share(own & (times == 1)), "jaccard": {}}
        for name, own in called.items()
    }
    for a, b in permutations(called, 2):
        both, either = called[a] & called[b], called[a] | called[b]
        union = share(either)
        scores[a]["jaccard"][b] = share(both) / union if union else None
    return {
        "members": count,
        "any": share(times > 0),
        "any_fpr": float(((times > 0) & ~member).sum() / (~member).sum()),
        "all": share(times == len(called)),
        "scores": scores,
    }
