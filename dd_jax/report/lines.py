"""Which runs make one line of a plot, what it is called, and the mean over repeats."""

from collections.abc import Callable, Sequence
from itertools import groupby

from dd_jax.report.formats import NOT_RECORDED
from dd_jax.report.intervals import mean_interval
from dd_jax.report.records import estimate
from dd_jax.report.repeats import DEFAULT, settings
from dd_jax.report.run_keys import KEYS, value_name
from dd_jax.types import Record

MOST = 28  # lines of a panel; that many styles differ
LONGEST = 40  # characters of a label


def lines(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Repeats of each setting; those that differ in the seed alone.

    Returns:
      `(label, repeats)` of each line, in the order of the Records; the label names only
      what varies, and no default of a config key.

    >>> runs = [{"method": "dm"}, {"method": "dm", "config": {"distill.lr": 2.0}}]
    >>> [label for label, _ in lines([{"run": run} for run in runs])]
    ['DM', 'DM, lr 2']
    """
    keys, rows, _ = settings(records)
    last = [key.rpartition(".")[2] for key in keys]
    names = [end if last.count(end) == 1 else key for end, key in zip(last, keys)]
    found: dict[tuple[str, ...], list[Record]] = {}
    for record, row in zip(records, rows):
        found.setdefault(row, []).append(record)
    return [
        (short(", ".join(_words(members[0], keys, names, row))), members)
        for row, members in found.items()
    ]


def pooled(values: Sequence[dict | float | None]) -> dict | None:
    """The estimate of one run, or the mean with its interval over several.

    Runs that share a baseline's networks report the very same estimate: it counts once.
    """
    known = []
    for value in map(estimate, values):
        if value and value not in known:
            known.append(value)
    if len(known) < 2:
        return known[0] if known else None
    return mean_interval([value["mean"] for value in known])


def points(
    rows: Sequence[dict], key: str, x: Callable[[Sequence[dict]], float]
) -> list[tuple]:
    """`(x, estimate)` of rows of repeats that agree in a key, by rising key."""
    rows = sorted(rows, key=lambda row: row.get(key) or 0)
    groups = [list(same) for _, same in groupby(rows, lambda row: row.get(key))]
    return [(x(same), pooled([row.get("accuracy") for row in same])) for same in groups]


def short(label: str) -> str:
    """A label as a legend can hold it; it would leave out those that begin with _."""
    label = label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
    return f" {label}" if label.startswith("_") else label


def _words(
    record: Record, keys: Sequence[str], names: Sequence[str], row: Sequence[str]
) -> list[str]:
    """Values of a line: of run keys, of the method at least, then set config keys."""
    of_run = [key for key in keys if key in KEYS] or ["method"]
    return [
        *(value_name(record, key) for key in of_run),
        *(
            f"{name} {value}"
            for key, name, value in zip(keys, names, row)
            if key not in KEYS and value not in (DEFAULT, NOT_RECORDED)
        ),
    ]
