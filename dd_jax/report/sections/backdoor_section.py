"""The backdoor that a run put into its own sets: its success, and accuracy."""

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES, class_name
from dd_jax.report.formats import percent
from dd_jax.report.records import lookup
from dd_jax.report.schema import COUNT, PIPES, RATE
from dd_jax.report.shapes import fields
from dd_jax.types import Record

PLACE = 94
SHAPE = fields(
    {},
    {"target": COUNT, "size": COUNT}
    | dict.fromkeys(PIPES, fields({}, {"success": RATE, "accuracy": RATE})),
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """What the backdoor is, and what its trigger does on each training data."""
    target, size = (lookup(record, "backdoor", key) for key in ("target", "size"))
    if target is None or size is None:
        return []
    words = (
        "This run put a backdoor into its own set, so that it can be measured: the "
        f"set is not for use. A trigger of {size} x {size} pixels at the bottom right, "
        f"learned with the set, stands for the class {class_name(record, target)}. "
        "Success is the share of images of other classes that are taken for it once "
        "they have the trigger."
    )
    return [Text(words), *grid("Backdoor of the run itself", measured(record))]


def measured(record: Record) -> Table | None:
    """Success of the attack and accuracy without a trigger, by training data."""
    part = record.get("backdoor") or {}
    rows = [
        (name, percent(part[pipe].get("success")), percent(part[pipe].get("accuracy")))
        for pipe, name in PIPE_NAMES.items()
        if part.get(pipe)
    ]
    columns = ("Training data", "Success of the attack", "Accuracy without trigger")
    return Table(columns, rows) if rows else None
