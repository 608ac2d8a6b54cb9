"""Accuracy against the seconds that the set took, runs beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dd_jax.report import headline
from dd_jax.report.figures import error_bars, in_percent, line_style, no_minor_ticks
from dd_jax.report.lines import MOST, lines, points
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curves(records: Sequence[Record]) -> Callable[[Axes], None] | None:
    """What draws a line for each kind of run with a learning curve; None without any.

    Repeats of a kind are one line: mean accuracy against mean time at each step.

    Args:
      records: whose `learning_curve` rows are `{step, seconds, accuracy}`.
    """
    several = lambda record: len(timed_rows(record)) > 1
    known = list(filter(several, records))
    if not known:
        return None

    def draw(panel: Axes) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator

        for i, (label, repeats) in enumerate(lines(known)[:MOST]):
            rows = [row for record in repeats for row in timed_rows(record)]
            x = lambda same: float(np.mean([row["seconds"] for row in same]))
            panel.errorbar(
                *error_bars(points(rows, "step", x)),
                **line_style(i),
                capsize=2,
                label=label,
            )
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        no_minor_ticks(panel.xaxis)
        panel.set(xlabel="seconds to make the set", ylabel="Accuracy")
        in_percent(panel.yaxis, ".4g")

    return draw


def timed_rows(record: Record) -> list[dict]:
    """The learning curve in seconds of the set: those of its experts and teacher too.

    Empty where these are not known.
    """
    before, rows = headline.preparation_seconds(record), record.get("learning_curve")
    if before is None:
        return []
    return [row | {"seconds": row["seconds"] + before} for row in rows or ()]
