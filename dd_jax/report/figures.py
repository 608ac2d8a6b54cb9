"""Plots as SVG bytes, legible at 400 pixels and without colour vision.

Matplotlib is loaded by the first plot: reading Records does not need it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.records import estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito (2008), and a violet; marker and dash repeat what the colour says.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"),
    "#5D3A9B",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
GREY = "#767676"
PIPE_STYLE = {
    pipe: {"color": colour, "marker": marker}
    for pipe, colour, marker in zip(PIPE_NAMES, COLOURS, MARKERS)
}
_WIDTH = 4.6  # inches
_LEGEND_ROW = 0.17  # inches
_LEGEND_WIDTH, _LEGEND_MARK = 72, 7  # characters, of all columns and of a marker
_STYLE = {
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "svg.hashsalt": "dd_jax",
}


def line_style(i: int) -> dict[str, str]:
    """Colour, marker and dash of the i-th line; the first 28 differ.

    >>> line_style(0) == line_style(28), line_style(0) == line_style(7)
    (True, False)
    """
    dash = i // len(COLOURS) % len(DASHES)
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "linestyle": DASHES[dash],
    }


def svg(
    draw: Callable[[Axes], None],
    height: float = 3.2,
    legend: int = 0,
    as_text: bool = False,
) -> bytes:
    """Draw one plot, 4.6 inches wide.

    Args:
      draw: fills the axes.
      height: in inches, with a legend of up to three rows.
      legend: most columns of the legend above the plot, fewer where labels are long; 0
        for none.
      as_text: whether words are texts, in a font of who reads it, in place of shapes of
        letters; for languages that the font here lacks.

    Returns:
      SVG, the same bytes for the same plot.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style = _STYLE | ({"svg.fonttype": "none"} if as_text else {})
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(axes := figure.add_subplot())
        labels = axes.get_legend_handles_labels()[1]
        if legend and labels:
            fit = _LEGEND_WIDTH // (max(map(len, labels)) + _LEGEND_MARK)
            columns = max(min(legend, fit), 1)
            rows = -(-len(labels) // columns)
            figure.set_figheight(height + _LEGEND_ROW * max(rows - 3, 0))
            figure.legend(loc="outside upper center", ncols=columns)
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def in_percent(axis: Axis, digits: str = "g") -> None:
    """Ticks of an axis of fractions as percentages."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:{digits}} %"))


def few_ticks(axis: Axis, most: int = 5) -> None:
    """At most `most` intervals between the ticks of an axis."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(most))


def no_minor_ticks(axis: Axis) -> None:
    """Only the major ticks of an axis."""
    from matplotlib.ticker import NullLocator

    axis.set_minor_locator(NullLocator())


def error_bars(points: Sequence[tuple]) -> tuple[list, list, np.ndarray]:
    """`(x, y, bars f64[2 n])` of those `(x, estimate)` pairs that are known.

    >>> error_bars([(1, 0.5), (2, None)])[:2]
    ([1], [0.5])
    """
    known = [(x, estimate(value)) for x, value in points]
    known = [(x, value) for x, value in known if value]
    bars = [
        [value["mean"] - low, high - value["mean"]]
        for _, value in known
        for low, high in [value["ci"] or [value["mean"]] * 2]
    ]
    bars = np.maximum(np.reshape(bars, (-1, 2)).T, 0)
    return [x for x, _ in known], [value["mean"] for _, value in known], bars
