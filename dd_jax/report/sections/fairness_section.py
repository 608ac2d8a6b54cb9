"""Fairness: how much accuracy differs between classes, and between groups."""

from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.formats import percent, points
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import DIFFERENCE, RATE, SHARE, by_pipe
from dd_jax.report.shapes import estimate as shape
from dd_jax.report.shapes import fields, listed, number
from dd_jax.types import Record

PLACE = 30
_CHANGE = number(-1, 1)
SHAPE = by_pipe(
    fields(
        {},
        {
            "class_gap": DIFFERENCE,
            "worst_class": shape(SHARE, {"of_mean": SHARE}),
            "class_std": DIFFERENCE,
            "cvar": RATE,
            "induced_drop": shape(
                _CHANGE,
                {"max": DIFFERENCE, "std": _CHANGE, "per_class": listed(_CHANGE)},
            ),
            "deo_max": DIFFERENCE,
            "deo_mean": DIFFERENCE,
        },
    )
)
COLUMNS = {
    "Worst class": ("worst_class", percent),
    "Largest drop from full data": ("induced_drop", points),
    "Gap, best to worst": ("class_gap", points),
    "Standard deviation": ("class_std", points),
    "Worst 30 % of classes (CVaR)": ("cvar", percent),
    "Equalised odds, max": ("deo_max", points),
    "Equalised odds, mean": ("deo_mean", points),
}


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Figures of fairness by training data."""
    words = "The worst class is the worst of each net, averaged over nets."
    return [*grid("Fairness", fairness(record)), Text(words, small=True)]


def fairness(record: Record) -> Table | None:
    """Class-wise fairness by training data; columns without a number are left out."""

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
        for name, (key, show) in COLUMNS.items()
    }
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = [
        (PIPE_NAMES[pipe], *(cells[i] for cells in shown.values()))
        for i, pipe in enumerate(pipes)
    ]
    return Table(("Training data", *shown), rows) if rows else None
