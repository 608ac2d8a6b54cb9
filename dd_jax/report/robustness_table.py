"""Robust accuracy of several runs side by side: training data down, radii across."""

import json
from collections.abc import Iterator, Sequence

from dd_jax.report.blocks import Table
from dd_jax.report.display_names import (
    PIPE_NAMES,
    run_value,
    set_size_text,
    short_name,
)
from dd_jax.report.formats import dashed, decimal, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record

DEFENCES = {
    "train": "adversarial training",
    "distill": "robust distillation",
    "curvature": "curvature penalty",
}


def by_radius(records: Sequence[Record], eps: Sequence[str] = ()) -> Table | None:
    """Accuracy under all Linf attacks combined, and the mean corruption error.

    A row is a distilled set or a baseline; baselines that runs share have one row.

    Args:
      records: as `dd_jax.report.records.read` gives them.
      eps: the radii to show, to three digits; default all.

    Returns:
      The table; None where no run has an audit of robustness.
    """
    rows = list(_rows(records))
    radii = dict.fromkeys(e for _, found, _ in rows for e in found)
    radii = sorted((e for e in radii if not eps or e in eps), key=float)
    if not radii:
        return None
    error = any(mce is not None for *_, mce in rows)
    heads = ("clean" if e == "0" else f"Linf {e}" for e in radii)
    columns = ("training data", *heads)
    columns += ("mean corruption error",) * error
    return Table(
        columns,
        [
            (name, *(dashed(percent(found.get(e))) for e in radii))
            + (dashed(decimal(mce)),) * error
            for name, found, mce in rows
        ],
    )


def _rows(records: Sequence[Record]) -> Iterator[tuple[str, dict, dict | None]]:
    """Name, `{radius: accuracy}` and mean corruption error, distilled sets first."""
    seen = set()
    for pipe in PIPE_NAMES:
        for record in records:
            found = {
                f"{row['eps']:.3g}": row.get("accuracy")
                for row in lookup(record, "robustness", pipe, "worst_case") or ()
                if row["norm"] == "linf"
            }
            name, mce = _name(record, pipe), lookup(record, "corruptions", "mce", pipe)
            same = json.dumps([name, found, mce], sort_keys=True)
            if found and same not in seen:
                seen.add(same)
                yield name, found, mce


def _name(record: Record, pipe: str) -> str:
    adversarial = lookup(record, "run", "adversarial") or {}
    defences = [w for key, w in DEFENCES.items() if adversarial.get(key)]
    if pipe != "distilled":
        defences = [w for w in defences if w == DEFENCES["train"]]
    first = PIPE_NAMES[pipe]
    if pipe == "distilled":
        first = short_name(run_value(record, "method"))
    size = [] if pipe == "full_data" else [set_size_text(record)]
    return ", ".join([first, *size, *defences])
