"""Accuracy against seconds of distillation."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dd_jax.report.figures import error_bars, line_style
from dd_jax.report.lines import MOST, lines, points
from dd_jax.types import Record


def curves(records: Sequence[Record]) -> Callable[[Axes], None] | None:
    """Draws a line for each kind of run that has looks on the way; None without any.

    Repeats of a kind are one line, of the mean time and the mean accuracy at a step.

    Args:
      records: whose `learning` rows are `{step, seconds, accuracy}`.
    """
    known = [record for record in records if record.get("learning")]
    if not known:
        return None

    def draw(panel: Axes) -> None:
        for i, (label, repeats) in enumerate(lines(known)[:MOST]):
            rows = [row for record in repeats for row in record["learning"]]
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
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set(xlabel="seconds of distillation", ylabel="Accuracy")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))

    return draw
