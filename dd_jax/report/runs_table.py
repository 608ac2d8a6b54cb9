"""A table of runs: settings, accuracy and the key figure of each audit."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.display_names import (
    dataset_name,
    display_name,
    fair_form,
    run_value,
)
from dd_jax.report.formats import NOT_MEASURED, Cell, decimal, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record


class Column(NamedTuple):
    """A column of the table of runs.

    Attributes:
      heading: above it.
      cell: its value for a Record.
      values: it is left out where fewer different values were measured.
    """

    heading: str
    cell: Callable[[Record], str | Cell]
    values: int = 0


def _run(key: str) -> Callable[[Record], str]:
    return lambda record: run_value(record, key)


def _accuracy(pipe: str) -> Callable[[Record], Cell]:
    return lambda record: percent(headline.accuracy(record, pipe))


def _attack(show: Callable) -> Callable[[Record], str | Cell]:
    """A cell about the strongest membership attack."""

    def cell(record: Record) -> str | Cell:
        attack = headline.membership(record)
        return show(record, attack) if attack else "-"

    return cell


def _robust(record: Record) -> str:
    attack = headline.robustness(record)
    return f"{percent(attack.accuracy)} at Linf {attack.eps:.3g}" if attack else "-"


def _epsilon(record: Record) -> str:
    spent = lookup(record, "run", "differential_privacy", "epsilon")
    return "-" if spent is None else f"{spent:.3g}"


def _fair(record: Record) -> str:
    return fair_form(record) or "-"


COLUMNS = (
    Column("method", _run("method")),
    Column("architecture", _run("arch"), values=2),
    Column("width", _run("width"), values=2),
    Column("data set", dataset_name),
    Column("IPC", _run("ipc")),
    Column("init", _run("init")),
    Column("classes", _run("num_classes")),
    Column("epsilon", _epsilon, values=1),
    Column("accuracy, distilled", _accuracy("distilled")),
    Column("in 8 bits", lambda r: percent(headline.quantized(r)), values=1),
    Column("random subset", _accuracy("random_subset")),
    Column("full data", _accuracy("full_data")),
    Column("DP-SGD on full data", _accuracy("dp_sgd"), values=1),
    Column("fair form", _fair, values=1),
    Column(
        "equalised odds, max",
        lambda r: percent(headline.equalised_odds(r)),
        values=1,
    ),
    Column("worst class", lambda r: percent(headline.worst_class(r)), values=1),
    Column(
        "strongest membership attack",
        _attack(lambda record, attack: display_name(attack.score, record, "score")),
        values=1,
    ),
    Column("AUC", _attack(lambda _, attack: decimal(attack.auc)), values=1),
    Column("TPR at 1 % FPR", _attack(lambda _, attack: percent(attack.tpr)), values=1),
    Column("accuracy under PGD", _robust, values=1),
)


def of_runs(found: Sequence[Record]) -> Table:
    """A row for each Record; `-` for what was not measured.

    Columns of what no Record measured are left out, and architecture and width where
    all Records agree.
    """
    text = lambda cell: str(cell).replace(NOT_MEASURED, "-")
    columns = [
        (column.heading, *cells)
        for column in COLUMNS
        if len({*(cells := [text(column.cell(r)) for r in found])} - {"-"})
        >= column.values
    ]
    head, *rows = zip(*columns)
    return Table(head, rows)
