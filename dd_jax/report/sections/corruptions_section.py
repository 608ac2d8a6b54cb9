"""Accuracy under common corruptions: noise, blur, weather, compression."""

from collections.abc import Sequence

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.formats import Cell, decimal, defined, percent
from dd_jax.report.records import estimate
from dd_jax.report.schema import COUNT, MEAN, PIPES, RATE
from dd_jax.report.shapes import each, fields, listed
from dd_jax.types import Record

PLACE = 90
SHAPE = fields(
    {}, dict.fromkeys(PIPES, each(listed(RATE))) | {"mce": each(MEAN), "images": COUNT}
)
WORDS = (
    "Accuracy on images with noise, blur, weather or compression: the mean over five "
    "severities, below it from the mildest to the harshest."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Accuracy on each corruption by training data."""
    return [Text(WORDS), *grid("Common corruptions", corruptions(record))]


def corruptions(record: Record) -> Table | None:
    """Accuracy on each corruption, the mean over severities above its range."""
    part = record.get("corruptions") or {}
    pipes = [pipe for pipe in PIPE_NAMES if part.get(pipe)]
    names = list(dict.fromkeys(name for pipe in pipes for name in part[pipe]))
    rows = [
        (name.replace("_", " "), *(_severities(part[pipe].get(name)) for pipe in pipes))
        for name in names
    ]
    if errors := part.get("mce"):
        of_full = [
            defined(errors[pipe], decimal, "undefined: full data have no error")
            if pipe in errors
            else decimal(None)
            for pipe in pipes
        ]
        rows.append(("mean corruption error, full data = 1", *of_full))
    columns = ("Corruption", *(PIPE_NAMES[pipe] for pipe in pipes))
    return Table(columns, rows) if pipes else None


def _severities(values: Sequence[dict] | None) -> Cell:
    """Mean over the severities, from the mildest to the harshest."""
    means = [known["mean"] for value in values or () if (known := estimate(value))]
    if len(means) < 2:
        return percent(means[0] if means else None)
    ends = f"{percent(means[0]).text} to {percent(means[-1]).text}"
    return Cell(percent(sum(means) / len(means)).text, ends)
