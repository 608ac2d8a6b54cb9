"""The membership audit: what models say of points, judged with each as the target."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy import metrics
from dd_jax.audits.privacy.lira import variance_used
from dd_jax.audits.privacy.roc import roc_points
from dd_jax.audits.privacy.scores import all_targets
from dd_jax.audits.privacy.shadow_thresholds import at_shadow_thresholds
from dd_jax.audits.privacy.slices import by_group
from dd_jax.types import Array, InputError

CALIBRATED = ("0.1", "0.01")
BRIEF = "0.01"  # the level of FPR that a slice keeps


class Membership(NamedTuple):
    """What the models of one pipeline give away under one threat.

    Attributes:
      record: `{score: figures}`, the part of a Record.
      curves: `{score: [[fpr, tpr], ...]}`.
    """

    record: dict[str, Any]
    curves: dict[str, list]


def audited(member: np.ndarray) -> np.ndarray:
    """Rows that every pair of models shares out: `i64[r]`.

    Where the number of rows is odd, each pair leaves one out on both sides.

    >>> audited(np.array([[True, False, False], [False, True, False]]))
    array([0, 1])
    """
    return np.flatnonzero((member[::2] != member[1::2]).all(0))


def judge(
    logits: Array,
    labels: np.ndarray,
    member: np.ndarray,
    *,
    scores: tuple[str, ...],
    seed: int,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    slices: Mapping[str, np.ndarray] | None = None,
    canary: np.ndarray | None = None,
    shared: int = 0,
) -> Membership:
    """Attacks each model in turn, the others but its complement being the shadows.

    Args:
      logits: `f32[m n q k]`; a network each (T2, T0), or several pooled (T1).
      labels: `i32[n]`.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      scores: names in `SCORES`.
      seed: of the intervals.
      options: of scores by their name, such as LiRA's `variance`.
      slices: `{name: i[n]}`, groups of points to be judged apart as well.
      canary: `i[n]`, the kind of each canary and -1 for ordinary points, which alone
        make the other figures and are scored without the canaries; default none.
      shared: so many first models were made with one another's random numbers; they
        serve as shadows, and the models after them, at least 4, are the targets.

    Returns:
      For each score what `metrics.summarise` gives; `variance` (LiRA); `calibrated`,
      `{LEVEL: at_shadow_thresholds}`; for each of the slices, and `canaries`, `{group:
      {auc, tpr_at_fpr: {"0.01"}}}`; and where models are shared,
      `known_randomness`: the same of them as targets, whose shadows are mostly of the
      same random numbers.

    Raises:
      InputError: an output that is not finite.
    """
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    finite = np.asarray(jnp.isfinite(logits).all((1, 2, 3)))
    if not finite.all():
        raise InputError(
            f"model {int(np.argmin(finite))} of {len(finite)} of the membership audit "
            "gives outputs that are not finite; lower its train.lr"
        )
    canary = np.full(len(labels), -1) if canary is None else canary
    plain = canary < 0
    ordinary = logits[:, plain], labels[plain], member[:, plain]
    record, curves = {}, {}
    for name in scores:
        given = (options or {}).get(name, {})
        values = np.asarray(all_targets(name, *ordinary, **given))
        of_shared = values[:shared], member[:shared, plain]
        kept = values[shared:], member[shared:, plain]
        figures = metrics.summarise(*kept, seed=seed)
        if "variance" in given:
            figures["variance"] = variance_used(len(member), given["variance"])
        figures["calibrated"] = {
            level: at_shadow_thresholds(*kept, float(level)) for level in CALIBRATED
        }
        for part, groups in (slices or {}).items():
            figures[part] = _brief_by_group(*kept, groups[plain], seed)
        if not plain.all():
            every = np.asarray(all_targets(name, logits, labels, member, **given))
            found = _brief_by_group(every[shared:], member[shared:], canary, seed)
            figures["canaries"] = {k: v for k, v in found.items() if k != "-1"}
        if shared:
            figures["known_randomness"] = _brief(
                metrics.summarise(*of_shared, seed=seed)
            )
        record[name] = figures
        points = roc_points(*kept)
        curves[name] = [list(pair) for pair in zip(points["fpr"], points["tpr"])]
    return Membership(record, curves)


def _brief(figures: dict[str, Any]) -> dict[str, Any]:
    rate = figures["tpr_at_fpr"][BRIEF]
    return {"auc": figures["auc"], "tpr_at_fpr": {BRIEF: rate}}


def _brief_by_group(scores, member, groups, seed) -> dict[str, Any]:
    found = by_group(scores, member, groups, seed=seed)
    return {str(group): own and _brief(own) for group, own in found.items()}
