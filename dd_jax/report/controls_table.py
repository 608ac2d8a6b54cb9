"""Controls of several runs side by side: a row for each run, a column for each."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.control_names import NAMES, OF_RANDOM_IMAGES
from dd_jax.report.display_names import run_value
from dd_jax.report.formats import Cell, dashed, decimal, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record

PLAIN = {
    "distilled": "distilled",
    "random_subset": "random subset",
    **{name: NAMES[name].short for name in OF_RANDOM_IMAGES},
}


def side_by_side(records: Sequence[Record]) -> Table | None:
    """Accuracy on each distilled set and on its controls, with LRS and ARS.

    A control that was chosen of several forms states the form. The last columns before
    the scores are of networks that were trained without augmentation.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table; None where no run has controls. Controls that no run has are left out.
    """
    found = [r for r in records if lookup(r, "controls", "controls")]
    of = [
        {row["name"]: _cell(row) for row in record["controls"]["controls"]}
        for record in found
    ]
    names = [name for name in NAMES if any(name in own for own in of)]
    if not names:
        return None
    plain = [p for p in PLAIN if any(_plain(record, p) for record in found)]
    columns = ("method", "IPC", "distilled", "random subset")
    columns += (*(NAMES[name].short for name in names), "full data")
    columns += (*(f"{PLAIN[pipe]}, not augmented" for pipe in plain), "LRS", "ARS")
    rows = [_row(record, own, names, plain) for record, own in zip(found, of)]
    return Table(columns, rows)


def _cell(control: dict) -> Cell:
    """Accuracy on a control, and its form."""
    rate = percent(control.get("accuracy"))
    return Cell(rate.text, "; ".join(filter(None, (rate.detail, control.get("form")))))


def _plain(record: Record, pipe: str) -> dict | None:
    return lookup(record, "controls", "unaugmented", pipe)


def _row(
    record: Record, of: dict[str, Cell], names: Sequence[str], plain: Sequence[str]
) -> tuple[str | Cell, ...]:
    rate = lambda pipe: percent(headline.accuracy(record, pipe))
    score = lambda key: decimal(lookup(record, "controls", "scores", key))
    cells = (
        rate("distilled"),
        rate("random_subset"),
        *(of.get(name, percent(None)) for name in names),
        rate("full_data"),
        *(percent(_plain(record, pipe)) for pipe in plain),
        score("lrs"),
        score("ars"),
    )
    known = map(dashed, cells)
    return run_value(record, "method"), run_value(record, "ipc"), *known
