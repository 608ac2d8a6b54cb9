"""Accuracy against seconds of distillation."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dd_jax.report.figures import COLOURS, MARKERS, error_bars
from dd_jax.types import Record


def curves(records: Sequence[Record]) -> Callable[[Axes], None] | None:
    """Draws a line for each Record that has looks on the way; None where none has.

    Args:
      records: whose `learning` rows are `{step, seconds, accuracy}`.
    """
    known = [record for record in records if record.get("learning")]
    if not known:
        return None

    def draw(panel: Axes) -> None:
        for i, record in enumerate(known):
            points = [(r["seconds"], r["accuracy"]) for r in record["learning"]]
            panel.errorbar(
                *error_bars(points),
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                capsize=2,
                label=record["run"]["method"],
            )
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set(xlabel="seconds of distillation", ylabel="Accuracy")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))

    return draw
