"""Controls of several runs side by side: a row for each run, a column for each."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.control_names import NAMES
from dd_jax.report.display_names import run_value
from dd_jax.report.formats import Cell, dashed, decimal, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record

PLAIN = {
    "distilled": "distilled, not augmented",
    "random_subset": "random subset, not augmented",
}


def side_by_side(records: Sequence[Record]) -> Table | None:
    """Accuracy on each distilled set and on its controls, with LRS and ARS.

    Two columns are of networks that were trained without augmentation.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table; None where no run has controls. Controls that no run has are left out.
    """
    found = [r for r in records if lookup(r, "controls", "controls")]
    of = [
        {row["name"]: row.get("accuracy") for row in record["controls"]["controls"]}
        for record in found
    ]
    names = [name for name in NAMES if any(name in own for own in of)]
    if not names:
        return None
    columns = ("method", "IPC", "distilled", "random subset")
    columns += (*(NAMES[name].short for name in names), "full data", *PLAIN.values())
    columns += ("LRS", "ARS")
    return Table(columns, [_row(*pair, names) for pair in zip(found, of)])


def _row(record: Record, of: dict, names: Sequence[str]) -> tuple[str | Cell, ...]:
    rate = lambda pipe: percent(headline.accuracy(record, pipe))
    score = lambda key: decimal(lookup(record, "controls", "scores", key))
    cells = (
        rate("distilled"),
        rate("random_subset"),
        *(percent(of.get(name)) for name in names),
        rate("full_data"),
        *(percent(lookup(record, "controls", "unaugmented", pipe)) for pipe in PLAIN),
        score("lrs"),
        score("ars"),
    )
    known = map(dashed, cells)
    return run_value(record, "method"), run_value(record, "ipc"), *known
