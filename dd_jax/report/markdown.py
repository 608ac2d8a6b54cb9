"""The results as one Markdown table."""

from collections.abc import Sequence

from dd_jax.report import headline, robustness
from dd_jax.report.formats import PIPE_NAMES, decimal, level, percent, plain, spoken
from dd_jax.report.records import lookup
from dd_jax.report.tables import Table
from dd_jax.types import Record

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
    "LiRA AUC",
    "TPR at 1 % FPR",
    "PGD accuracy",
)

RATES = ("0.1", "0.01", "0.001")


def privacy(records: Sequence[Record]) -> str:
    """Markdown table of membership, a row for each run, pipeline, threat and score.

    AUC and TPRs with their 95 % interval in parentheses, `unresolved` where the sample
    is too small, `undefined` where the threat makes no sense; full data and the subset
    depend on no initial images, and stand once for runs that differ in nothing else.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, header included, with a final newline.
    """
    columns = ("dataset", "IPC", "trained on", "threat", "score", "AUC")
    rates = tuple(f"TPR at {level(rate)} FPR" for rate in RATES)
    rows = [(*columns, *rates), ("---",) * (len(columns) + len(rates))]
    made = [row for record in records for row in _attacks(record)]
    return _lines(rows + list(dict.fromkeys(made)))


def _attacks(record: Record):
    run = record["run"]
    for pipe, threats in (record.get("privacy") or {}).items():
        init = f", init {run['init']}" if pipe == "distilled" else ""
        for threat, scores in threats.items():
            what = run["dataset"], plain(run["ipc"]), PIPE_NAMES[pipe] + init
            if scores is None:
                yield (*what, threat.upper(), "", "undefined", *[""] * len(RATES))
            for score, row in (scores or {}).items():
                rates = (lookup(row, "tpr_at_fpr", rate) for rate in RATES)
                yield (
                    *what,
                    threat.upper(),
                    spoken(score),
                    str(decimal(row["auc"])),
                    *(str(percent(rate, 2)) for rate in rates),
                )


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
    return f"{run['method']} on {run['dataset']}, {plain(run['ipc'])} images a class:"


def _ruled(table: Table) -> list[tuple[str, ...]]:
    rule = ("---",) * len(table.columns)
    return [rule, *(tuple(map(str, row)) for row in table.rows)]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


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
    if any(exported):
        cells = [str(percent(e)) if e else "-" for e in exported]
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
    membership = headline.membership(record)
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
        decimal(membership.auc) if membership else "-",
        percent(membership.tpr) if membership else "-",
        f"{percent(robust.accuracy)} at Linf {robust.eps:.3g}" if robust else "-",
    )
    return tuple(str(cell).replace("not measured", "-") for cell in cells)
