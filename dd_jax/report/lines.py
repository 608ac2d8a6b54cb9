"""Which runs make one line of a plot, what it is called, and the mean over repeats."""

from collections.abc import Callable, Sequence
from itertools import groupby

from dd_jax.report.formats import NOT_RECORDED
from dd_jax.report.intervals import mean_interval
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import estimate
from dd_jax.report.repeats import DEFAULT, settings
from dd_jax.report.run_keys import KEYS, value_name
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

MOST = 28  # lines of a panel; that many styles differ
LONGEST = 48  # characters of a label


def lines(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Repeats of each setting; those that differ in the seed alone.

    Returns:
      `(label, repeats)` of each line, in the order of the Records; the label names only
      what varies, and no default of a config key; equal ones are numbered.

    >>> runs = [{"method": "dm"}, {"method": "dm", "config": {"distill.lr": 2.0}}]
    >>> [label for label, _ in lines([{"run": run} for run in runs])]
    ['DM', 'DM, lr 2']
    """
    keys, rows, _ = settings(records)
    found: dict[tuple[str, ...], list[Record]] = {}
    for record, row in zip(records, rows):
        found.setdefault(row, []).append(record)
    labels = [
        short(", ".join(_words(members[0], keys, row)))
        for row, members in found.items()
    ]
    return list(zip(_numbered(labels), found.values()))


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


def _numbered(labels: Sequence[str]) -> list[str]:
    """Labels, with the place of those that are the same, as where the end is cut.

    >>> _numbered(["DM", "MTT", "DM"])
    ['DM (1)', 'MTT', 'DM (3)']
    """
    return [
        label if labels.count(label) == 1 else f"{label} ({place})"
        for place, label in enumerate(labels, 1)
    ]


def _words(record: Record, keys: Sequence[str], row: Sequence[str]) -> list[str]:
    """Values of a line: of run keys or the method alone, then of config keys."""
    of_run = [key for key in keys if key in KEYS] or ["method"]
    others = [
        f"{key.removeprefix('distill.').removeprefix('mitigate.')} {_clean(value)}"
        for key, value in zip(keys, row)
        if key not in KEYS and value not in (DEFAULT, NOT_RECORDED)
        if not (key.startswith("adversarial.") and value == "0")
    ]
    return [*filter(None, (_value(record, key) for key in of_run)), *others]


def _value(record: Record, key: str) -> str:
    """That of a run key; of initial images the name, if any, for want of room."""
    if key == "init":
        return _clean(record["run"].get(key) or "")
    return value_name(record, key)


def _clean(value: str) -> str:
    return printable(without_paths(value))
