"""Accuracy against the radius of attacks, methods beside each other."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dd_jax.report.figures import COLOURS, DASHES, GREY, MARKERS, error_bars
from dd_jax.report.formats import BASELINES, PIPE_NAMES
from dd_jax.report.records import lookup
from dd_jax.types import Record


def curves(records: Sequence[Record]) -> Callable[[Axes], None] | None:
    """Draws a line for each Record, and for each baseline of the first.

    Accuracy is what the worst of all Linf attacks leaves.

    Args:
      records: of different methods and the same baselines.

    Returns:
      What draws it; None where fewer than two methods were attacked at several radii.
    """
    known = [record for record in records if len(_points(record, "distilled")) > 1]
    if len({record["run"]["method"] for record in known}) < 2:
        return None

    def draw(panel: Axes) -> None:
        for i, record in enumerate(known):
            panel.errorbar(
                *error_bars(_points(record, "distilled")),
                color=COLOURS[i % len(COLOURS)],
                linestyle=DASHES[i // len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                capsize=2,
                label=record["run"]["method"],
            )
        for pipe, dash in zip(BASELINES, DASHES[1:]):
            if points := _points(known[0], pipe):
                x, y, _ = error_bars(points)
                panel.plot(x, y, color=GREY, linestyle=dash, label=PIPE_NAMES[pipe])
        panel.set(xlabel="Linf radius, pixels in [0, 1]", ylabel="Accuracy left")
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))

    return draw


def _points(record: Record, pipe: str) -> list[tuple]:
    rows = lookup(record, "robustness", pipe, "worst_case") or []
    return [(row["eps"], row["accuracy"]) for row in rows if row["norm"] == "linf"]
