"""The membership audit of a run: attacks on every pipeline, under every threat."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from dd_jax.audits.audit import PIPES, Audit, Context
from dd_jax.audits.privacy import evaluate_membership, save_scores
from dd_jax.audits.privacy.el2n import most_hardest
from dd_jax.audits.privacy.scores import check_score, score_of
from dd_jax.audits.privacy.shadow_queries import (
    QueryResult,
    drawn_canaries,
    query_models,
    shared_models,
    train_shadows,
)
from dd_jax.catalogue import arguments, entry
from dd_jax.runtime.keys import integer
from dd_jax.system.progress import progress
from dd_jax.types import InputError

SHARED = ("variance",)  # options of several scores


def check(context: Context) -> None:
    """Refuses rows too few to halve, queries shifted too far, options of no score."""
    for name, options in _score_options(context).items():
        check_score(name, context.num_classes, options)
    if context.shadows:
        _check_halves(context)
        _check_queries(context)


def measure(context: Context) -> dict[str, Any]:
    """Attacks every pipeline under the threats of the options.

    T1 and T2 share their shadows, each distilled from its half of train; T0 needs
    others, which all distil the whole of train from initial images of their own. What
    is not defined is None: T0 unless the initial images are random real ones, T0 and T1
    of full data. Leaves a score file for each, and the ROC curves.

    Returns:
      `{PIPE: {THREAT: {SCORE: figures}}}`; empty for a set made elsewhere.
    """
    if context.shadows is None:
        return {}
    part, curves = {}, {}
    for pipe in PIPES:
        results = query_models(context, pipe)
        part[pipe], curves[pipe] = dict.fromkeys(results), {}
        defined = {
            threat: found for threat, found in results.items() if found is not None
        }
        for threat, found in defined.items():
            with progress(f"membership scores, {pipe}, {threat}", 1):
                part[pipe][threat], curves[pipe][threat] = _score(context, pipe, found)
            first = pipe == "distilled" and threat == next(iter(defined))
            name = "scores.npz" if first else f"scores_{pipe}_{threat}.npz"
            _save(context, name, pipe, threat, found)
    context.save_curves("roc", curves)
    return part


def _check_halves(context: Context) -> None:
    """Half of the rows, canaries left out, must do for the images of each class."""
    ipc, canaries, data = context.shadows.ipc, context.options.canaries, context.dataset
    fewest = int(_ordinary(context).min())
    if fewest >= 2 * ipc:
        return
    most = int(np.bincount(data.train.labels).min())
    ways = [f"at most {fewest // 2}"] if fewest >= 2 else []
    ways += ["audits.privacy.canaries=0"] if canaries and most >= 2 * ipc else []
    limit = "" if ipc <= most else f" with at most {most}"
    raise InputError(
        f"distill.ipc={ipc}: each shadow of the membership audit distils half of the "
        f"rows, and the smallest class of {data.name} has {fewest} in train"
        f"{' beside canaries' if canaries else ''}; take "
        f"{', or '.join([*ways, f'audits.privacy.enabled=False{limit}'])}"
    )


def _ordinary(context: Context) -> np.ndarray:
    """Rows of each class that are certain to be no canaries, `i64[k]`.

    Raises:
      InputError: more canaries than the data have room for.
    """
    train, count = context.dataset.train.labels, context.options.canaries
    rows = drawn_canaries(context) if count else None
    no_canary = rows.kind < 0 if rows else np.ones(len(train), bool)
    ordinary = np.bincount(train[no_canary], minlength=context.num_classes)
    if not count or "hardest" not in context.options.canary_kinds:
        return ordinary
    return ordinary - np.minimum(most_hardest(train, no_canary), count)


def _check_queries(context: Context) -> None:
    side = min(context.dataset.train.images.shape[1:3])
    if (shift := context.options.query_shift) >= side:
        raise InputError(
            f"audits.privacy.query_shift={shift}: images of side {side} can be shifted "
            f"by at most {side - 1} pixels"
        )


def _groups(context: Context, found: QueryResult) -> np.ndarray | None:
    groups = context.dataset.train.groups
    return None if groups is None else groups[found.rows]


def _score(context: Context, pipe: str, found: QueryResult) -> tuple[dict, dict]:
    """The scores of one threat: figures and ROC curves."""
    slices, group = {"by_class": found.labels}, _groups(context, found)
    return evaluate_membership(
        found.logits,
        found.labels,
        found.member,
        scores=context.options.scores,
        seed=integer(context.key("intervals")),
        options=_score_options(context),
        slices=slices if group is None else slices | {"by_group": group},
        canary=found.canary,
        shared=shared_models(context, pipe),
    )


def _score_options(context: Context) -> dict[str, dict]:
    """The options of each score, from those of the audit and its own."""
    options = context.options
    return {
        name: arguments(
            entry("score", name),
            vars(getattr(options, name, SimpleNamespace())),
            {key: getattr(options, key) for key in SHARED},
            score_of(name).compare,
        )
        for name in options.scores
    }


def _save(context: Context, name: str, pipe: str, threat: str, found: QueryResult):
    save_scores(
        context.folder / name,
        found.logits,
        found.labels,
        found.member,
        found.rows,
        _groups(context, found),
        threat,
        canary=found.canary,
        shared=shared_models(context, pipe),
        seed=integer(context.key("intervals")),
    )


AUDIT = Audit("privacy", check, measure, train_shadows)
