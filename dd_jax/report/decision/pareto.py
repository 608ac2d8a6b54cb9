"""Accuracy against what it costs: which settings no other one improves on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.savings import savings
from dd_jax.report.figures import COLOURS, GREY, error_bars, in_percent, line_style
from dd_jax.report.frontier import front
from dd_jax.report.headline import mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AUC, SECONDS = "auc", "seconds"
RING = 13  # points
ROOM = 0.02  # below and above what an accuracy can be


def cost_axis(found: Sequence[Candidate]) -> str:
    """`auc` where at least two settings have a membership AUC, else `seconds`."""
    known = [mean(candidate.parts["membership_auc"].value) for candidate in found]
    return AUC if sum(value is not None for value in known) > 1 else SECONDS


def cost(candidate: Candidate, axis: str) -> dict | float | None:
    """What a setting costs: the AUC of the strongest attack, or seconds of training."""
    if axis == AUC:
        return candidate.parts["membership_auc"].value
    return savings(candidate.records).train


def draw(
    axes: Axes, found: Sequence[Candidate], chosen: int, labels: tuple[str, ...]
) -> None:
    """Fills axes with numbered settings, a ring around the chosen one, and the front.

    Args:
      axes: to fill.
      found: settings, of which those without both numbers are left out.
      chosen: index of the recommended setting.
      labels: of both axes, and of the front.
    """
    axis = cost_axis(found)
    shown = []
    for i, candidate in enumerate(found):
        x, y = mean(cost(candidate, axis)), mean(candidate.accuracy)
        if x is None or y is None:
            continue
        shown.append((x, y))
        _, _, bars = error_bars([(x, candidate.accuracy)])
        _, _, across = error_bars([(y, cost(candidate, axis))])
        style = line_style(0) | {"linestyle": "none", "linewidth": 1}
        axes.errorbar([x], [y], yerr=bars, xerr=across, capsize=2, alpha=0.7, **style)
        axes.annotate(str(i + 1), (x, y), (5, 5), textcoords="offset points")
        if i == chosen:
            ring = {"markersize": RING, "markeredgewidth": 1.6, "linestyle": "none"}
            axes.plot([x], [y], "o", markerfacecolor="none", color=COLOURS[1], **ring)
    best = sorted(shown[i] for i in front(shown))
    axes.plot(*zip(*best), color=GREY, linestyle="--", linewidth=1.2, label=labels[2])
    axes.set(xlabel=labels[0], ylabel=labels[1])
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -ROOM), min(high, 1 + ROOM))  # intervals may go beyond
    axes.legend(loc="best")
    in_percent(axes.yaxis, ".4g")
