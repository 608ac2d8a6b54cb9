"""Tables of fairness: differences between classes, between groups, from references."""

from collections.abc import Callable, Mapping
from typing import Any

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.formats import Cell, percent, points
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

CLASSES = {
    "Worst class": ("worst_class", percent),
    "Largest drop from full data": ("induced_drop", points),
    "Gap, best to worst": ("class_gap", points),
    "Standard deviation": ("class_std", points),
    "Worst 30 % of classes (CVaR)": ("cvar", percent),
}
GROUPS = {
    "Equalised odds, max": ("deo_max", points),
    "Equalised odds, mean": ("deo_mean", points),
    "Demographic parity": ("demographic_parity", points),
    "Worst group": ("worst_group", percent),
}
Columns = Mapping[str, tuple[str, Callable[[Any], Cell]]]


def classes(record: Record) -> Table | None:
    """Differences between classes by training data."""
    return _by_pipe(record, CLASSES)


def groups(record: Record) -> Table | None:
    """Differences between groups by training data."""
    return _by_pipe(record, GROUPS)


def _by_pipe(record: Record, columns: Columns) -> Table | None:
    """A row for each training data; columns without a number are left out."""

    def value(key: str, pipe: str) -> dict | None:
        if key == "induced_drop":
            return None if pipe == "full_data" else headline.induced_drop(record, pipe)
        return lookup(record, "fairness", pipe, key)

    pipes = [pipe for pipe in PIPE_NAMES if lookup(record, "fairness", pipe)]
    shown = {
        name: [
            show(value(key, pipe)) if estimate(value(key, pipe)) else ""
            for pipe in pipes
        ]
        for name, (key, show) in columns.items()
    }
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = [
        (PIPE_NAMES[pipe], *(cells[i] for cells in shown.values()))
        for i, pipe in enumerate(pipes)
    ]
    return Table(("Training data", *shown), rows) if shown else None


def by_group(record: Record) -> Table | None:
    """The accuracy of each group by training data."""
    parts = {
        pipe: lookup(record, "fairness", pipe, "by_group") or {} for pipe in PIPE_NAMES
    }
    parts = {pipe: part for pipe, part in parts.items() if part}
    found = sorted({group for part in parts.values() for group in part}, key=int)
    rows = [
        (f"group {group}", *(percent(part.get(group)) for part in parts.values()))
        for group in found
    ]
    columns = ("Accuracy", *(PIPE_NAMES[pipe] for pipe in parts))
    return Table(columns, rows) if rows else None


def amplification(record: Record) -> Table | None:
    """How much more uneven classes are than after training on the references."""
    rows = [
        (
            Cell(name, f"against {PIPE_NAMES[reference].lower()}"),
            points(part.get("class_gap")),
            points(part.get("worst_class")),
            points(_largest_drop(record, pipe, reference)),
        )
        for pipe, name in PIPE_NAMES.items()
        for reference, part in (
            lookup(record, "fairness", pipe, "amplification") or {}
        ).items()
        if part
    ]
    columns = ("Training data", "Gap", "Worst class", "Largest drop of a class")
    return Table(columns, rows) if rows else None


def _largest_drop(record: Record, pipe: str, reference: str) -> float | dict | None:
    if reference == "full_data":
        return headline.induced_drop(record, pipe)
    return lookup(record, "fairness", pipe, "drop_from_subset", "max")
