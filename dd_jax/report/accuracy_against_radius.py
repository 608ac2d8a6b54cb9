"""Robust accuracy against the radius of the attacks, methods beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dd_jax.report.display_names import BASELINES, PIPE_NAMES
from dd_jax.report.figures import (
    DASHES,
    GREY,
    error_bars,
    few_ticks,
    in_percent,
    line_style,
)
from dd_jax.report.lines import MOST, lines, points
from dd_jax.report.records import lookup
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curves(records: Sequence[Record]) -> Callable[[Axes], None] | None:
    """What draws a line for each kind of run, and each baseline of the first.

    Accuracy under the worst of all Linf attacks for each image, mean over repeats.

    Args:
      records: of different methods and the same baselines.

    Returns:
      What draws it; None where fewer than two methods were attacked at several radii.
    """
    known = [record for record in records if len(_rows([record], "distilled")) > 1]
    if len({record["run"]["method"] for record in known}) < 2:
        return None

    def draw(panel: Axes) -> None:
        kinds = lines(known)
        at = lambda members, pipe: error_bars(
            points(_rows(members, pipe), "eps", lambda same: same[0]["eps"])
        )
        for i, (label, repeats) in enumerate(kinds[:MOST]):
            panel.errorbar(
                *at(repeats, "distilled"), **line_style(i), capsize=2, label=label
            )
        for pipe, dash in zip(BASELINES, DASHES[1:]):
            x, y, _ = at(kinds[0][1], pipe)
            if x:
                panel.plot(x, y, color=GREY, linestyle=dash, label=PIPE_NAMES[pipe])
        panel.set(xlabel="Linf radius, pixels in [0, 1]", ylabel="Robust accuracy")
        few_ticks(panel.xaxis)
        in_percent(panel.yaxis, ".4g")

    return draw


def _rows(records: Sequence[Record], pipe: str) -> list[dict]:
    return [
        row
        for record in records
        for row in lookup(record, "robustness", pipe, "worst_case") or ()
        if row["norm"] == "linf"
    ]
