"""Which runs make one line of a plot, what it is called, and the mean over repeats."""

from collections.abc import Callable, Sequence
from itertools import groupby

from dd_jax.report.display_names import key_name, run_value, short_name
from dd_jax.report.intervals import mean_interval
from dd_jax.report.records import estimate
from dd_jax.types import Record

MOST = 28  # lines of a panel; that many styles differ
LONGEST = 40  # characters of a label
NUMERIC = ("ipc", "num_classes", "width")
NAMED = ("init", "method", "arch", "dataset")
KEYS = ("method", *(key for key in NAMED if key != "method"), *NUMERIC)


def lines(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Records by the run keys that vary; those that differ in none are repeats.

    Returns:
      `(label, repeats)` of each line, in the order of the Records; the label names only
      what varies.
    """
    seen = {key: {record["run"].get(key) for record in records} for key in KEYS}
    varying = [key for key in KEYS if len(seen[key]) > 1] or ["method"]
    found: dict[tuple, list[Record]] = {}
    for record in records:
        values = tuple(record["run"].get(key) for key in varying)
        found.setdefault(values, []).append(record)
    return [
        (short(", ".join(line_name(members[0], key) for key in varying)), members)
        for members in found.values()
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


def line_name(record: Record, key: str) -> str:
    """The value of a run key as legends and ticks have it, methods abbreviated."""
    value = run_value(record, key)
    if key in NUMERIC:
        return f"{key_name(key)} {value}"
    return f"init {value}" if key == "init" else short_name(value, key)


def short(label: str) -> str:
    """A label as a legend can hold it; it would leave out those that begin with _."""
    label = label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
    return f" {label}" if label.startswith("_") else label
