"""Accuracy on the way: networks trained on the set after fewer distillation steps."""

from dd_jax.report.accuracy_against_time import curves, timed_rows
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Figure, Pair, Pictures, Table, grid
from dd_jax.report.formats import format_value, percent, seconds
from dd_jax.report.schema import NUMBER, RATE
from dd_jax.report.shapes import fields, listed
from dd_jax.types import Record

PLACE = 10
SHAPE = listed(fields({"seconds": NUMBER}, {"step": NUMBER, "accuracy": RATE}))


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Accuracy against seconds of the set; empty with one evaluated step only."""
    if (draw := curves([record])) is None:
        return []
    plot = Figure("Accuracy against seconds to make the set", draw)
    return [Pair(grid("Learning curve", steps(record)), [Pictures([plot])])]


def steps(record: Record) -> Table | None:
    """Accuracy after each number of distillation steps that was evaluated."""
    rows = [
        (
            format_value(row.get("step")),
            seconds(row["seconds"]),
            percent(row.get("accuracy")),
        )
        for row in timed_rows(record)
    ]
    columns = ("Distillation steps", "Time", "Accuracy")
    return Table(columns, rows) if rows else None
