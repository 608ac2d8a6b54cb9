"""Transfer: adversarial images of one network, tried on others."""

from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES, display_name, pipe_names
from dd_jax.report.formats import percent
from dd_jax.report.sections.robustness_section import AT, LEFT
from dd_jax.report.shapes import fields, listed, text
from dd_jax.types import Record

PLACE = 80
SHAPE = listed(fields(AT | dict.fromkeys(("source", "target", "attack"), text), LEFT))
WORDS = (
    "Accuracy on adversarial images that were made on other networks; where both are "
    "of the same kind, on its other networks. Those named by an architecture were "
    "trained on the distilled set, those named by a method on a set of its own."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """A row for each source, a column for each target."""
    return [Text(WORDS), *grid("Transfer", transfer(record))]


def transfer(record: Record) -> Table | None:
    """Accuracy on images made on other networks, at the radius nearest to 8/255.

    Its first row is that of clean images, where radius 0 was run.
    """
    rows = [row for row in record.get("transfer") or () if row["eps"] > 0]
    if not rows:
        return None
    near = min((row["eps"] for row in rows), key=lambda eps: abs(eps - headline.EPS))
    shown = {
        (row["source"] if row["eps"] else "", row["target"]): percent(
            row.get("accuracy")
        )
        for row in record["transfer"]
        if row["eps"] in (0, near)
    }
    sources = [row["source"] for row in rows]
    groups = dict.fromkeys((*pipe_names(sources), *sources))
    names = {
        group: PIPE_NAMES.get(group, display_name(group, record)) for group in groups
    }
    attack = display_name(rows[0]["attack"], record, "attack")
    title = f"Source, target; {attack} at {near:.3g}"
    lines = [
        (name, *(shown.get((source, target), "") for target in names))
        for source, name in [("", "Clean images"), *names.items()]
    ]
    lines = lines if any(lines[0][1:]) else lines[1:]
    return Table((title, *names.values()), lines)
