"""The membership audit of a run: attacks on every pipeline, under every threat."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.privacy import evaluate_membership, save_scores, vulnerable_rows
from dd_jax.audits.privacy.audited_epsilon import audited_epsilon
from dd_jax.audits.privacy.canaries import PUBLISHED
from dd_jax.audits.privacy.membership import Membership
from dd_jax.audits.privacy.row_checks import check_rows
from dd_jax.audits.privacy.scores import check_score, score_of
from dd_jax.audits.privacy.shadow_queries import (
    QueryResult,
    query_models,
    shared_models,
    train_shadows,
    worst_case,
)
from dd_jax.audits.privacy.vulnerable_rows import vulnerability
from dd_jax.catalogue import arguments, entry
from dd_jax.catalogue.rules import CANARIES
from dd_jax.runtime.keys import integer
from dd_jax.system.progress import progress
from dd_jax.types import InputError

SHARED = ("variance",)  # options of several scores


def check(context: Context) -> None:
    """Refuses rows too few to halve, queries shifted too far, options of no score."""
    for name, options in _score_options(context).items():
        check_score(name, context.num_classes, options)
    if context.shadows:
        check_rows(context)
        _check_queries(context)


def measure(context: Context) -> dict[str, Any]:
    """Attacks every pipeline under the threats of the options.

    T1 and T2 share their shadows, each distilled from its half of train; T0 needs
    others, which all distil the whole of train from initial images of their own. What
    is not defined is None: T0 unless the initial images are random real ones, T0 and T1
    where no set is made. Leaves a score file for each, and the ROC curves.

    Returns:
      `{PIPE: {THREAT: {SCORE: figures}}}`, `protocol` with audit rows, `overlap` of the
      attacks on the distilled set by threat, and `audited_epsilon` by threat where rows
      have differential privacy; empty for a set made elsewhere.
    """
    if context.shadows is None:
        return {}
    part, curves, overlaps, audited = {}, {}, {}, {}
    for pipe in context.networks:
        results = query_models(context, pipe)
        part[pipe], curves[pipe] = dict.fromkeys(results), {}
        defined = {
            threat: found for threat, found in results.items() if found is not None
        }
        for threat, found in defined.items():
            with progress(f"membership scores, {pipe}, {threat}", 1):
                evaluated = _score(context, pipe, found)
            part[pipe][threat] = evaluated.record
            curves[pipe][threat] = evaluated.curves
            first = pipe == "distilled" and threat == next(iter(defined))
            name = "scores.npz" if first else f"scores_{pipe}_{threat}.npz"
            _save(context, name, pipe, threat, found)
            if pipe == "distilled":
                _save_vulnerable_rows(context, threat, found, evaluated.found)
                overlaps |= {threat: evaluated.overlap} if evaluated.overlap else {}
                audited |= _audited_epsilon(context, threat, found)
    context.save_curves("roc", curves)
    part |= {"protocol": _protocol(context)} if worst_case(context) else {}
    part |= {"overlap": overlaps} if overlaps else {}
    return part | ({"audited_epsilon": audited} if audited else {})


def _protocol(context: Context) -> dict[str, Any]:
    """The sizes of a worst-case audit beside those of Zhao and Zhang 2025."""
    options = context.options
    rows = options.canaries * len(options.canary_kinds)
    smaller = rows < PUBLISHED["audit_rows"] or options.shadows < PUBLISHED["shadows"]
    found = {"audit_rows": rows, "shadows": options.shadows, "smaller": smaller}
    return found | {"published": PUBLISHED}


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


def _score(context: Context, pipe: str, found: QueryResult) -> Membership:
    """The scores of one threat, by all attacks."""
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
        initial=found.initial,
        shared=shared_models(context, pipe),
    )


def _audited_epsilon(context: Context, threat: str, found: QueryResult) -> dict:
    """By the first of the scores, which is given beforehand.

    Empty without pairs, and for rows without differential privacy.
    """
    if not context.delta:
        return {}
    name = context.options.scores[0]
    audited = audited_epsilon(
        name,
        found.logits,
        found.labels,
        found.member,
        found.canary,
        seed=integer(context.key("pairs of rows")),
        delta=context.delta,
        options=_score_options(context)[name],
    )
    return {threat: audited} if audited else {}


def _save_vulnerable_rows(
    context: Context, threat: str, found: QueryResult, shares: dict[str, np.ndarray]
) -> None:
    """Leaves a table for the owner of the rows, which no report shows."""
    names = [context.dataset.class_names[label] for label in found.labels]
    kinds = ["" if kind < 0 else CANARIES[kind] for kind in found.canary]
    values = vulnerability(found.logits, found.labels, found.member)
    table = vulnerable_rows.table(
        values, found.rows, names, _groups(context, found), kinds, shares
    )
    context.save(f"vulnerable_rows_{threat}.csv", table)


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
        initial=found.initial,
        shared=shared_models(context, pipe),
        seed=integer(context.key("intervals")),
    )


AUDIT = Audit("privacy", check, measure, train_shadows)
