"""The results as one Markdown table."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.formats import decimal, percent, plain
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


def table(records: Sequence[Record]) -> str:
    """Markdown table, a row for each Record.

    Percentages with their 95 % interval in parentheses; `-` for what was not measured.
    The radius of PGD stands in its cell, since grids differ between data sets.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Returns:
      The table, header included, with a final newline.
    """
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(_row, records)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


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
