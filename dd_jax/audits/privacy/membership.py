"""The membership audit: scores of points with each model in turn as the target."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import chex
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy import metrics
from dd_jax.audits.privacy.initial_rows import by_use
from dd_jax.audits.privacy.lira import lira_signal, variance_used
from dd_jax.audits.privacy.overlap import called_members, found_shares, overlap
from dd_jax.audits.privacy.roc import roc_points
from dd_jax.audits.privacy.row_thresholds import (
    LEAST_MODELS,
    rates_at_row_thresholds,
    scores_without_pairs,
)
from dd_jax.audits.privacy.scores import all_targets, score_of
from dd_jax.audits.privacy.shadow_thresholds import rates_at_shadow_thresholds
from dd_jax.audits.privacy.slices import by_group
from dd_jax.types import Array, InputError

CALIBRATED = ("0.1", "0.01")
SLICE_LEVEL = "0.01"  # the only level of FPR in the figures of a slice


class Membership(NamedTuple):
    """What the models of one pipeline leak under one threat.

    Attributes:
      record: `{score: figures}`, the part of a Record.
      curves: `{score: [[fpr, tpr], ...]}`.
      overlap: which ordinary members the scores find alone and together, what
        `overlap.overlap` gives.
      found: `{score: f64[n]}`, how often each ordinary row is found, what
        `overlap.found_shares` gives; NaN for other rows.
    """

    record: dict[str, Any]
    curves: dict[str, list]
    overlap: dict[str, Any]
    found: dict[str, np.ndarray]


def audited_rows(member: np.ndarray) -> np.ndarray:
    """Rows that every pair of models splits: `i64[r]`.

    Where the number of rows is odd, each pair leaves one row out on both sides.

    Args:
      member: `bool[m n]`; rows 2i and 2i+1 are a pair.

    >>> audited_rows(np.array([[True, False, False], [False, True, False]]))
    array([0, 1])
    """
    chex.assert_rank(member, 2)
    return np.flatnonzero((member[::2] != member[1::2]).all(0))


def evaluate_membership(
    logits: Array,
    labels: np.ndarray,
    member: np.ndarray,
    *,
    scores: tuple[str, ...],
    seed: int,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    slices: Mapping[str, np.ndarray] | None = None,
    canary: np.ndarray | None = None,
    initial: np.ndarray | None = None,
    shared: int = 0,
) -> Membership:
    """Attacks each model in turn, with all others but its complement as shadows.

    Args:
      logits: `f32[m n q k]`; of one network (T2, T0), or of several pooled (T1).
      labels: `i32[n]`.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      scores: names in `SCORES`.
      seed: of the intervals.
      options: `{score: {option: value}}`, such as the `variance` of LiRA.
      slices: `{name: i[n]}`, groups of points that get figures of their own.
      canary: `i[n]`, the kind of each canary and -1 for ordinary points. Only ordinary
        points, scored without the canaries, enter the other figures, unless all are
        canaries; default none.
      initial: `bool[m n]`, the members that a model's initial images were made from;
        default, and where none is marked: not known.
      shared: number of first models that were distilled with one random seed. They are
        shadows of all; the models after them, at least 4, are the targets.

    Returns:
      For each score what `metrics.summarise` gives; `variance` (LiRA); `calibrated`,
      `{LEVEL: rates_at_shadow_thresholds}`; `tpr_at_fpr_per_row`,
      `rates_at_row_thresholds`; for each of the slices, and `canaries`,
      `{group: {auc, tpr_at_fpr: {"0.01"}}}`; with `initial`, `initial_images`, what
      `initial_rows.by_use` gives; and with `shared`, `shared_seed`: the same
      with the first models as targets, most of whose shadows share their seed.

    Raises:
      InputError: logits that are not finite, or an unknown score or option.
    """
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    chex.assert_rank([logits, labels, member], [4, 1, 2])
    finite = np.asarray(jnp.isfinite(logits).all((1, 2, 3)))
    if not finite.all():
        raise InputError(
            f"model {int(np.argmin(finite))} of {len(finite)} of the membership audit "
            "gives logits that are not finite; lower its train.lr"
        )
    canary = np.full(len(labels), -1) if canary is None else canary
    ordinary = canary < 0 if (canary < 0).any() else np.ones(len(labels), bool)
    points = logits[:, ordinary], labels[ordinary], member[:, ordinary]
    record, curves, called = {}, {}, {}
    for name in scores:
        chosen, lira = dict((options or {}).get(name, {})), _is_lira(name)
        if lira:  # the same where a pair is left out
            variance = chosen.get("variance", "auto")
            chosen["variance"] = variance_used(len(member), variance)
        values = np.asarray(all_targets(name, *points, **chosen))
        targets = values[shared:], member[shared:, ordinary]
        figures = metrics.summarise(*targets, seed=seed)
        if lira:
            figures["variance"] = chosen["variance"]
        figures["calibrated"] = {
            level: rates_at_shadow_thresholds(*targets, float(level))
            for level in CALIBRATED
        }
        others = (
            scores_without_pairs(name, *points, shared=shared, **chosen)
            if len(targets[0]) >= LEAST_MODELS
            else []
        )
        figures["tpr_at_fpr_per_row"] = rates_at_row_thresholds(*targets, others)
        for part, groups in (slices or {}).items():
            figures[part] = _by_group(*targets, groups[ordinary], seed)
        if initial is not None and initial.any():
            used = initial[shared:, ordinary]
            figures["initial_images"] = by_use(*targets, used)
        if (canary >= 0).all():
            figures["canaries"] = _by_group(*targets, canary, seed)
        elif not ordinary.all():
            values_of_all = np.asarray(
                all_targets(name, logits, labels, member, **chosen)
            )
            found = _by_group(values_of_all[shared:], member[shared:], canary, seed)
            figures["canaries"] = {k: v for k, v in found.items() if k != "-1"}
        if shared:
            first = values[:shared], member[:shared, ordinary]
            figures["shared_seed"] = _brief(metrics.summarise(*first, seed=seed))
        record[name] = figures
        roc = roc_points(*targets)
        curves[name] = [list(pair) for pair in zip(roc["fpr"], roc["tpr"])]
        called[name] = called_members(*targets)
    members, found = member[shared:, ordinary], {}
    for name, own in called.items():
        found[name] = np.full(len(labels), np.nan)
        found[name][ordinary] = found_shares(own, members)
    return Membership(record, curves, overlap(called, members), found)


def _is_lira(name: str) -> bool:
    return score_of(name).signal is lira_signal


def _brief(figures: dict[str, Any]) -> dict[str, Any]:
    rate = figures["tpr_at_fpr"][SLICE_LEVEL]
    return {"auc": figures["auc"], "tpr_at_fpr": {SLICE_LEVEL: rate}}


def _by_group(scores, member, groups, seed) -> dict[str, Any]:
    found = by_group(scores, member, groups, seed=seed)
    return {str(group): each and _brief(each) for group, each in found.items()}
