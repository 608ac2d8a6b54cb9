"""The results as Markdown tables."""

from collections.abc import Sequence

from dd_jax.report import headline, membership
from dd_jax.report.formats import decimal, percent, plain
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
    "LiRA AUC",
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
        f"**Membership: {title}**\n\n"
        + _lines([table.columns, ("---",) * len(table.columns), *table.rows])
        for title, table in found
    ]
    return "\n".join(parts) + f"\n{NOTE}\n"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table(records: Sequence[Record]) -> str:
    """Markdown table, a row for each Record.

    Percentages with their 95 % interval in parentheses; `-` for what was not measured.
    The radius of PGD stands in its cell, since grids differ between data sets.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, header included, with a final newline.
    """
    return _lines([COLUMNS, ("---",) * len(COLUMNS), *map(_row, records)])


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
        decimal(attack.auc) if attack else "-",
        percent(attack.tpr) if attack else "-",
        f"{percent(robust.accuracy)} at Linf {robust.eps:.3g}" if robust else "-",
    )
    return tuple(str(cell).replace("not measured", "-") for cell in cells)
