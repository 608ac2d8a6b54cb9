"""Checks that the data have the rows that a membership audit needs."""

import numpy as np

from dd_jax.audits.audit import Context
from dd_jax.audits.privacy.canaries import PUBLISHED, most_canaries
from dd_jax.audits.privacy.el2n import most_hardest
from dd_jax.audits.privacy.shadow_queries import drawn_canaries, worst_case
from dd_jax.types import InputError


def check_rows(context: Context) -> None:
    """Refuses canaries and images per class that the rows of train do not do for.

    Raises:
      InputError: more canaries than the data have room for; too few rows of a class
        beside them; a protocol without audit rows, or with others.
    """
    if worst_case(context):
        _check_audit_rows(context)
    ordinary = _ordinary(context)
    if worst_case(context):
        _check_bulk(context, ordinary)
    else:
        _check_halves(context, ordinary)


def _check_audit_rows(context: Context) -> None:
    """The worst-case protocol is about its canaries, and about all of them."""
    options, n = context.options, len(context.dataset.train.labels)
    if not options.canaries:
        kinds = len(options.canary_kinds)
        usual = min(most_canaries(n, kinds), PUBLISHED["audit_rows"] // kinds // 2 * 2)
        ways = [f"audits.privacy.canaries={usual}"] if usual else []
        raise InputError(
            "audits.privacy.protocol=canaries: there are no canaries to audit; take "
            f"{', or '.join([*ways, 'audits.privacy.protocol=halves'])}"
        )
    if options.rows:
        raise InputError(
            f"audits.privacy.rows={options.rows}: with protocol=canaries the rows that "
            "are audited are the canaries; take audits.privacy.rows=0"
        )


def _check_bulk(context: Context, ordinary: np.ndarray) -> None:
    """The rows that every shadow has must do for the images of each class."""
    ipc, data, fewest = context.ipc, context.dataset, int(ordinary.min())
    in_t0 = "t0" in context.options.threats
    if fewest < ipc * (1 + in_t0):
        most = fewest // (1 + in_t0)
        ways = [f"at most {most}"] if most else []
        raise InputError(
            f"distill.ipc={ipc}: the rows that are no canaries must do for it"
            f"{' twice' if in_t0 else ''}, and the smallest class of {data.name} has "
            f"{fewest} of them; take {', or '.join([*ways, _without_audit(context)])}"
        )
    if in_t0:
        _check_pairs_of_a_class(context)


def _check_pairs_of_a_class(context: Context) -> None:
    """T0 compares canaries of the same class, so that some class must have two."""
    count, kinds = context.options.canaries, len(context.options.canary_kinds)
    classes, n = context.num_classes, len(context.dataset.train.labels)
    if count * kinds > classes:
        return
    least = classes // kinds // 2 * 2 + 2
    ways = [f"at least {least}"] if least <= most_canaries(n, kinds) else []
    raise InputError(
        f"audits.privacy.canaries={count}: T0 compares canaries of the same class, of "
        f"{classes}; take {', or '.join([*ways, 'audits.privacy.protocol=halves'])}"
    )


def _without_audit(context: Context) -> str:
    """The way to do without, and what images per class are then possible."""
    most = int(np.bincount(context.dataset.train.labels).min())
    limit = "" if context.ipc <= most else f" with at most {most}"
    return f"audits.privacy.enabled=False{limit}"


def _check_halves(context: Context, ordinary: np.ndarray) -> None:
    """Half of the rows, canaries left out, must do for the images of each class."""
    ipc, canaries, data = context.ipc, context.options.canaries, context.dataset
    fewest = int(ordinary.min())
    if fewest >= 2 * ipc:
        return
    most = int(np.bincount(data.train.labels).min())
    ways = [f"at most {fewest // 2}"] if fewest >= 2 else []
    ways += ["audits.privacy.canaries=0"] if canaries and most >= 2 * ipc else []
    raise InputError(
        f"distill.ipc={ipc}: each shadow of the membership audit distils half of the "
        f"rows, and the smallest class of {data.name} has {fewest} in train"
        f"{' beside canaries' if canaries else ''}; take "
        f"{', or '.join([*ways, _without_audit(context)])}"
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
