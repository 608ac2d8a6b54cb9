"""Calibration: do predicted probabilities match how often predictions are right?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Figure, Pictures, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.figures import GREY, PIPE_STYLE, in_percent
from dd_jax.report.formats import Cell, decimal, percent
from dd_jax.report.records import lookup
from dd_jax.report.schema import MEAN, NUMBER, PIPES, SHARE
from dd_jax.report.shapes import fields, listed
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = 40
_ERRORS = dict.fromkeys(("ece", "nll", "brier", "temperature"), MEAN)
_BIN = dict.fromkeys(("low", "high", "confidence", "accuracy"), SHARE)
_BINS = listed(fields({}, _BIN | {"count": NUMBER}))
_BEFORE = _ERRORS | {"reliability": _BINS, "scaled_reliability": _BINS}
_AFTER = fields({}, _ERRORS | {"reliability": _BINS})
SHAPE = fields({}, dict.fromkeys(PIPES, fields({}, _BEFORE | {"scaled": _AFTER})))
FEWEST = 10  # predictions of a bin that is drawn
WORDS = (
    "Is a prediction with a confidence of 80 % right in 80 % of the cases? ECE is the "
    "mean gap between the two; NLL and the Brier score are 0 for predictions that are "
    "certain and correct. Lower is better for all three. "
    "Temperature scaling divides the logits by one number, fitted on held-out images: "
    "a temperature above 1 means that the net was overconfident."
)
FIGURE_WORDS = (
    "Reliability diagrams: accuracy against confidence, pooled over nets; bins of "
    f"fewer than {FEWEST} predictions are left out. On the grey diagonal a net is "
    "calibrated; below it, overconfident. The bars are the numbers of predictions."
)
FORMS = {"ece": percent, "nll": decimal, "brier": decimal}
HEADINGS = {"ece": "ECE", "nll": "NLL", "brier": "Brier score"}


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Errors before and after temperature scaling, and reliability diagrams."""
    plots = [
        Figure(f"Reliability {when} temperature scaling", draw, 3.6, legend=3)
        for when, scaled in (("before", False), ("after", True))
        if (draw := reliability_diagram(record, scaled))
    ]
    table = grid("Calibration", errors(record))
    return [Text(WORDS), *table, Pictures(plots, captioned=True, words=FIGURE_WORDS)]


def errors(record: Record) -> Table | None:
    """ECE, NLL and Brier score by training data, before and after scaling."""
    rows = [
        (
            PIPE_NAMES[pipe],
            *(
                FORMS[key](lookup(part, *path, key))
                for key in HEADINGS
                for path in ((), ("scaled",))
            ),
            _temperature(part),
        )
        for pipe in PIPES
        if (part := lookup(record, "calibration", pipe))
    ]
    headings = [
        heading for name in HEADINGS.values() for heading in (name, f"{name}, scaled")
    ]
    columns = ("Training data", *headings, "Temperature")
    return Table(columns, rows) if rows else None


def _temperature(part: dict) -> Cell:
    value = part.get("temperature")
    return decimal(lookup(part, "scaled", "temperature") if value is None else value)


def bins(part: dict, scaled: bool) -> list[dict]:
    """The bins of a reliability diagram that hold enough predictions."""
    found = part.get("reliability")
    if scaled:
        inner = lookup(part, "scaled", "reliability")
        found = part.get("scaled_reliability") if inner is None else inner
    return [
        row
        for row in found or ()
        if row and (row.get("count") or 0) >= FEWEST and None not in _point(row)
    ]


def _point(row: dict) -> tuple:
    return row.get("confidence"), row.get("accuracy")


def reliability_diagram(record: Record, scaled: bool):
    """What draws accuracy against confidence by training data; None without bins.

    The bars behind are the numbers of predictions in each bin, for the first of them.
    """
    parts = {
        pipe: found
        for pipe in PIPES
        if (part := lookup(record, "calibration", pipe))
        and (found := bins(part, scaled))
    }
    if not parts:
        return None

    def draw(axes: Axes) -> None:
        _counts(axes.twinx(), *next(iter(parts.items())))
        axes.set(zorder=2, frame_on=False)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
        for pipe, rows in parts.items():
            x, y = zip(*map(_point, rows))
            axes.plot(x, y, **PIPE_STYLE[pipe], label=PIPE_NAMES[pipe])
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set(xlabel="confidence", ylabel="accuracy")
        in_percent(axes.xaxis, ".0f")
        in_percent(axes.yaxis, ".0f")

    return draw


def _counts(axes: Axes, pipe: str, rows: list[dict]) -> None:
    """Bars of the numbers of predictions in each bin."""
    places = [row["confidence"] for row in rows]
    counts = [row["count"] for row in rows]
    axes.bar(places, counts, width=0.04, color="#dcdcdc")
    axes.set(ylabel=f"predictions, {PIPE_NAMES[pipe].lower()}")
    axes.grid(visible=False)
    axes.spines["right"].set_visible(True)
