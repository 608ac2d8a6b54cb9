"""Checks that the data have the rows that a membership audit needs."""

import numpy as np

from dd_jax.audits.audit import Context
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
        most = n // (4 * len(options.canary_kinds)) // 2 * 2
        ways = [f"audits.privacy.canaries=2 with at most {most}"] if most else []
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
    ipc, data, fewest = context.shadows.ipc, context.dataset, int(ordinary.min())
    if fewest < ipc:
        raise InputError(
            f"distill.ipc={ipc}: each shadow of the membership audit has the rows that "
            f"are no canaries, and the smallest class of {data.name} has {fewest} of "
            f"them; take {_ways(fewest)}audits.privacy.protocol=halves"
        )
    whole = int(np.bincount(data.train.labels).min())
    if "t0" in context.options.threats and whole < 2 * ipc:
        raise InputError(
            f"distill.ipc={ipc}: T0 lists twice as many real images of each class, and "
            f"the smallest class of {data.name} has {whole} in train; take "
            f"{_ways(whole // 2)}audits.privacy.enabled=False"
        )


def _ways(most: int) -> str:
    return f"at most {most}, or " if most else ""


def _check_halves(context: Context, ordinary: np.ndarray) -> None:
    """Half of the rows, canaries left out, must do for the images of each class."""
    ipc, canaries, data = context.shadows.ipc, context.options.canaries, context.dataset
    fewest = int(ordinary.min())
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
