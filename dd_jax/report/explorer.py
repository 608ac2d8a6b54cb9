"""All runs of a sweep as compact data, which the page filters, sorts and draws."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dd_jax.report import headline, repeats
from dd_jax.report.display_names import BASELINES, PIPE_NAMES, run_value
from dd_jax.report.figures import COLOURS, GREY
from dd_jax.report.intervals import student_t_quantile
from dd_jax.report.records import estimate
from dd_jax.report.sweep_axes import layout
from dd_jax.report.verdict import Verdict
from dd_jax.types import Record

SCALE = 10_000  # numbers are whole: 0.8734 is 8734
MOST_DEGREES = 200  # of Student's t; beyond, that of the normal distribution
PLACES = ("x", "colour", "columns", "rows")


class Measure(NamedTuple):
    """A number of each run: its heading, whether in percent, and what it is."""

    label: str
    percent: bool
    of: Callable[[Record], dict | None]


def _accuracy(pipe: str) -> Callable[[Record], dict | None]:
    return lambda record: headline.accuracy(record, pipe)


def _of(found: Callable[[Record], Any], name: str) -> Callable[[Record], dict | None]:
    return lambda record: getattr(found(record), name, None)


MEASURES = (
    Measure("Accuracy, distilled", True, _accuracy("distilled")),
    Measure("Worst class", True, headline.worst_class),
    Measure("Membership AUC", False, _of(headline.membership, "auc")),
    Measure("TPR at 1 % FPR", True, _of(headline.membership, "tpr")),
    Measure("Accuracy under PGD", True, _of(headline.robustness, "accuracy")),
    *(
        Measure(f"Accuracy, {PIPE_NAMES[pipe].lower()}", True, _accuracy(pipe))
        for pipe in BASELINES
    ),
)


def data(
    records: Sequence[Record], lines: Sequence[Sequence[Verdict]]
) -> dict[str, Any]:
    """What the page needs, by column.

    Args:
      records: of two or more runs, or what `headline_record.cut_down` left of them.
      lines: the verdicts on each.

    Returns:
      `ids`; `axes`, each `{label, values, codes}` with values in order and a code for
      each run, settings first, then the seed and the verdicts; `measures`, each
      `{label, percent, values}` with `[mean]`, `[mean, low, high]` (times `SCALE`) or 0
      for each run; `seed`, the place of the seed among axes, -1 where all agree; `t`,
      quantiles of Student's t by degrees of freedom; `start`, axes drawn first.
    """
    found = repeats.settings(records)
    columns = {
        repeats.heading(key): [values[i] for values in found.values]
        for i, key in enumerate(found.keys)
    }
    axes = [_axis(label, values) for label, values in columns.items()]
    seeds = [run_value(record, "seed") for record in records]
    several = len(set(seeds)) > 1
    verdicts = [
        _axis(f"{rows[0].topic}, verdict", [row.level for row in rows])
        for rows in zip(*lines)
    ]
    measures = [
        {"label": one.label, "percent": one.percent, "values": values}
        for one in MEASURES
        if any(values := [_whole(one.of(record)) for record in records])
    ]
    return {
        "ids": [record["run"]["id"] for record in records],
        "axes": [*axes, *([_axis("seed", seeds)] if several else []), *verdicts],
        "settings": len(axes),
        "seed": len(axes) if several else -1,
        "measures": measures,
        "scale": SCALE,
        "t": [student_t_quantile(degrees) for degrees in range(MOST_DEGREES)],
        "colours": [*COLOURS, GREY],
        "start": _start(records, found.keys),
    }


def text(found: dict[str, Any]) -> str:
    """JSON that can stand inside of a script element."""
    compact = json.dumps(found, separators=(",", ":"), allow_nan=False)
    return compact.replace("<", "\\u003c")


def _axis(label: str, values: Sequence[str]) -> dict[str, Any]:
    order = sorted(set(values), key=_place)
    code = {value: i for i, value in enumerate(order)}
    return {"label": label, "values": order, "codes": [code[v] for v in values]}


def _place(value: str) -> tuple:
    """Numbers by size, then texts."""
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def _whole(value: Any) -> list[int] | int:
    known = estimate(value)
    if known is None:
        return 0
    numbers = [known["mean"], *(known["ci"] or ())]
    return [round(SCALE * number) for number in numbers]


def _start(records: Sequence[Record], keys: Sequence[str]) -> dict[str, int]:
    """Axes of the first plot, -1 for none: those of all Records together."""
    axes = layout(records)
    wanted = [axes.x, axes.line, *axes.panels] if axes else [keys[0]]
    places = [keys.index(key) if key in keys else -1 for key in wanted]
    return dict(zip(PLACES, [*places, -1, -1, -1]))
