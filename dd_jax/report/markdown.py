"""The results as Markdown tables."""

from collections.abc import Sequence

from dd_jax.report import headline, names
from dd_jax.report import membership_table as membership
from dd_jax.report import robustness_section as robustness
from dd_jax.report.formats import decimal, percent, plain, spoken
from dd_jax.report.records import estimate
from dd_jax.report.tables import Table
from dd_jax.types import InputError, Record

COLUMNS = (
    "method",
    "dataset",
    "IPC",
    "init",
    "classes",
    "accuracy, distilled",
    "random subset",
    "full data",
    "worst class",
    "strongest membership attack",
    "AUC",
    "TPR at 1 % FPR",
    "PGD accuracy",
)

NOTE = (
    "95 % intervals in parentheses. Unresolved: fewer than 10 false positives at that "
    "rate. Undefined: the threat makes no sense there."
)


def privacy(records: Sequence[Record]) -> str:
    """Markdown of membership: a table of threats by training data for each setting.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      For each group of runs of `membership.side_by_side` a title, its table and a note,
      with a final newline.

    Raises:
      InputError: no run has an audit of membership.
    """
    found = list(membership.side_by_side(records))
    if not found:
        raise InputError(
            "no run has an audit of membership; set audits.privacy.enabled"
        )
    parts = [
        f"**Membership: {names.markdown(title)}**\n\n"
        + _lines([table.columns, ("---",) * len(table.columns), *table.rows])
        for title, table in found
    ]
    return "\n".join(parts) + f"\n{NOTE}\n"


def transfer(records: Sequence[Record]) -> str:
    """Markdown tables of transfer, one for each Record that has it.

    A row for each group of networks that adversarial images were made on, a column for
    each that they were tried on; the 95 % interval in parentheses.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The tables under a line that says which run they are of, each with a final
      newline; empty without any.
    """
    return "\n".join(
        f"{_which(record)}\n\n{_lines([found.columns, *_ruled(found)])}"
        for record in records
        if (found := robustness.transfer(record))
    )


def _which(record: Record) -> str:
    run = record["run"]
    text = f"{run['method']} on {run['dataset']}, {plain(run['ipc'])} images a class:"
    return names.markdown(text)


def _ruled(table: Table) -> list[tuple[str, ...]]:
    rule = ("---",) * len(table.columns)
    return [rule, *(tuple(map(str, row)) for row in table.rows)]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(map(names.markdown, row))} |\n" for row in rows)


def table(records: Sequence[Record]) -> str:
    """Markdown table, a row for each Record.

    Percentages with their 95 % interval in parentheses; `-` for what was not measured.
    The radius of PGD stands in its cell, since grids differ between data sets. Two more
    columns stand where they say something: architectures that differ, and `exported`,
    the accuracy after clipping the set to 8 bits.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, header included, with a final newline.
    """
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(_row, records)]
    exported = [headline.exported(record) for record in records]
    if any(map(estimate, exported)):
        cells = [str(percent(e)) if estimate(e) else "-" for e in exported]
        rows = _with_column(rows, COLUMNS.index("random subset"), "exported", cells)
    archs = [plain(record["run"].get("arch")) for record in records]
    if len(set(archs)) > 1:
        rows = _with_column(rows, 1, "architecture", archs)
    return _lines(rows)


def _with_column(rows, at: int, name: str, cells: Sequence[str]):
    return [
        (*row[:at], cell, *row[at:]) for row, cell in zip(rows, (name, "---", *cells))
    ]


def _row(record: Record) -> tuple[str, ...]:
    run = record["run"]
    attack = headline.membership(record)
    robust = headline.robustness(record)
    cells = (
        *(
            plain(run[key])
            for key in ("method", "dataset", "ipc", "init", "num_classes")
        ),
        percent(headline.accuracy(record)),
        percent(headline.accuracy(record, "random_subset")),
        percent(headline.accuracy(record, "full_data")),
        percent(headline.worst_class(record)),
        spoken(attack.score) if attack else "-",
        decimal(attack.auc) if attack else "-",
        percent(attack.tpr) if attack else "-",
        f"{percent(robust.accuracy)} at Linf {robust.eps:.3g}" if robust else "-",
    )
    return tuple(str(cell).replace("not measured", "-") for cell in cells)
