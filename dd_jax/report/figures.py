"""Figures as SVG or PNG bytes, legible at 400 pixels and without colour vision."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter
from PIL import Image

from dd_jax.report.formats import PIPE_NAMES, spoken
from dd_jax.report.records import estimate

# Okabe and Ito (2008), and a violet; marker and dash repeat what the colour says.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"),
    "#5D3A9B",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
GREY = "#767676"
ROW = 0.17  # inches that a row of a legend takes
PIPE_STYLE = {
    pipe: {"color": colour, "marker": marker}
    for pipe, colour, marker in zip(PIPE_NAMES, COLOURS, MARKERS)
}
MOST_BARS = 20
SIDE, GAP = 48, 4  # of a small image once enlarged, and between two, in pixels
FEW_POINTS = 40

STYLE = {
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


def svg(draw: Callable[[Axes], None], height: float = 3.2, legend: int = 0) -> bytes:
    """Draw one panel, 4.6 inches wide.

    Args:
      draw: fills the axes.
      height: in inches, with a legend of up to three rows.
      legend: columns of the legend above the panel; 0 for none.

    Returns:
      SVG, the same bytes for the same drawing.
    """
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(4.6, height), layout="constrained")
        draw(axes := figure.add_subplot())
        if legend:
            rows = -(-len(axes.get_legend_handles_labels()[1]) // legend)
            figure.set_figheight(height + ROW * max(rows - 3, 0))
            figure.legend(loc="outside upper center", ncols=legend)
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def image_grid(
    images: np.ndarray,
    labels: np.ndarray,
    columns: int = 10,
    side: int | None = None,
) -> bytes:
    """Images a row for each class; small ones enlarged by a whole factor, unblurred.

    Args:
      images: `f32[m h w c]`, pixels in [0, 1]; others are clipped. One channel is
        shown grey, three as RGB, any other number as their mean.
      labels: `f32[m k]`; an image stands in the row of its largest probability.
      columns: at most so many images a class are shown.
      side: larger images are averaged down to at most so many pixels; None for none.

    Returns:
      PNG; classes without an image have no row.
    """
    images = images if side is None else _smaller(images, side)
    classes = np.argmax(labels, axis=1)
    rows = [images[classes == c][:columns] for c in np.unique(classes)]
    channels = images.shape[-1]
    factor = max(1, round(SIDE / max(images.shape[1:3])))
    h, w = (factor * side for side in images.shape[1:3])
    down, across = h + GAP, w + GAP
    most = max(map(len, rows))
    sheet = np.ones((len(rows) * down - GAP, most * across - GAP, 3), np.float32)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            pixels = image if channels == 3 else image.mean(-1, keepdims=True)
            enlarged = np.kron(np.clip(pixels, 0, 1), np.ones((factor, factor, 1)))
            sheet[i * down :, j * across :][:h, :w] = enlarged
    buffer = io.BytesIO()
    picture = Image.fromarray(np.round(255 * sheet).astype(np.uint8))
    (picture if channels == 3 else picture.convert("L")).save(buffer, "png")
    return buffer.getvalue()


def _smaller(images: np.ndarray, side: int) -> np.ndarray:
    """Means over blocks of pixels, so many that no side is longer than allowed."""
    for axis in (1, 2):
        length = images.shape[axis]
        block = min(-(-max(images.shape[1:3]) // side), length)
        whole = np.take(images, range(length // block * block), axis)
        blocks = (*whole.shape[:axis], -1, block, *whole.shape[axis + 1 :])
        images = whole.reshape(blocks).mean(axis + 1)
    return images


def accuracies(accuracy: Mapping[str, dict]) -> bytes:
    """Accuracy of each pipeline with its 95 % interval.

    Args:
      accuracy: `{PIPE: {mean, ci}}`, fractions.
    """

    def draw(axes: Axes) -> None:
        pipes = [pipe for pipe in PIPE_NAMES if estimate(accuracy.get(pipe))]
        for y, pipe in enumerate(reversed(pipes)):
            value = estimate(accuracy[pipe]) or {}
            axes.barh(y, value["mean"], color=PIPE_STYLE[pipe]["color"], height=0.6)
            within = np.clip(value["ci"] or [value["mean"]], 0, 1)
            if value["ci"]:
                axes.plot(within, [y, y], color="black", marker="|", markersize=9)
            end = within.max()
            axes.text(end + 0.015, y, f"{100 * value['mean']:.1f} %", va="center")
        single = lambda pipe: (estimate(accuracy[pipe]) or {})["n"] == 1
        names = [
            PIPE_NAMES[pipe] + ("\n(one net)" if single(pipe) else "")
            for pipe in reversed(pipes)
        ]
        axes.set(yticks=range(len(pipes)), yticklabels=names, xlim=(0, 1.14))
        axes.set(xlabel="accuracy", xticks=np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
        axes.grid(axis="y", visible=False)

    return svg(draw, height=0.9 + 0.45 * len(accuracy))


def class_bars(per_class: Mapping[str, Sequence], names: Sequence[str]) -> bytes:
    """Accuracy of every class, a bar for each pipeline; the 20 worst of many classes.

    Args:
      per_class: `{PIPE: [accuracy of class 0, ...]}`, fractions or estimates.
      names: class names.
    """
    pipes = [pipe for pipe in PIPE_NAMES if per_class.get(pipe)]
    known = [
        [(estimate(v) or {"mean": np.nan})["mean"] for v in per_class[pipe]]
        for pipe in pipes
    ]
    values = np.array([*zip_longest(*known, fillvalue=np.nan)]).T
    shown = np.argsort(values[0], kind="stable")[:MOST_BARS]
    shown = np.sort(shown)[::-1]

    def draw(axes: Axes) -> None:
        width = 0.8 / len(pipes)
        for i, pipe in enumerate(pipes):
            y = np.arange(len(shown)) + 0.4 - width * (i + 0.5)
            axes.barh(
                y,
                values[i, shown],
                height=width,
                label=PIPE_NAMES[pipe],
                color=PIPE_STYLE[pipe]["color"],
            )
        labels = [str(names[c])[:18] for c in shown]
        axes.set(yticks=range(len(shown)), yticklabels=labels, xlim=(0, 1))
        axes.set(xlabel="accuracy on the class", ylim=(-0.6, len(shown) - 0.4))
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
        axes.grid(axis="y", visible=False)

    return svg(draw, height=1.2 + 0.34 * len(shown), legend=len(pipes))


def roc(curves: Mapping[str, Mapping[str, Sequence]], resolution: float) -> bytes:
    """Log-log ROC beside chance; what the sample cannot resolve is shaded.

    Args:
      curves: `{PIPE: {SCORE: [[fpr, tpr], ...]}}` of one threat model.
      resolution: the smallest false-positive rate that the sample resolves, > 0.
    """
    scores = sorted({score for own in curves.values() for score in own})
    low = min(10 ** np.floor(np.log10(resolution) - 0.3), 0.01)

    def draw(axes: Axes) -> None:
        for pipe in (pipe for pipe in PIPE_NAMES if pipe in curves):
            for score, points in curves[pipe].items():
                known = [point for point in points or () if point and None not in point]
                if not known:
                    continue
                fpr, tpr = np.asarray(known, float).T
                axes.step(
                    np.maximum(fpr, low),
                    np.maximum(tpr, low),
                    where="post",
                    color=PIPE_STYLE[pipe]["color"],
                    linestyle=DASHES[scores.index(score) % len(DASHES)],
                    label=f"{PIPE_NAMES[pipe]}, {spoken(score)}",
                )
        axes.plot([low, 1], [low, 1], color=GREY, linewidth=1, label="Chance")
        axes.axvspan(low, resolution, color="#ececec", label="Not resolved")
        axes.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1.15))
        axes.set(xlabel="false-positive rate", ylabel="true-positive rate")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
            axis.set_minor_locator(NullLocator())

    return svg(draw, height=4.0, legend=2)


def epsilon_curve(robustness: Mapping[str, dict], norm: str) -> bytes:
    """Accuracy against the radius of the attack, with 95 % intervals.

    Args:
      robustness: `{PIPE: {attacks: {NAME: [{eps, norm, accuracy}]}}}`.
      norm: the attacks to show, `linf`, `l2` or `l1`.
    """

    def draw(axes: Axes) -> None:
        for pipe in (pipe for pipe in PIPE_NAMES if pipe in robustness):
            curves = norm_curves(robustness[pipe] or {}, norm)
            for i, (attack, rows) in enumerate(curves.items()):
                axes.errorbar(
                    *error_bars([(row["eps"], row.get("accuracy")) for row in rows]),
                    **PIPE_STYLE[pipe],
                    linestyle=DASHES[i % len(DASHES)],
                    label=f"{PIPE_NAMES[pipe]}, {spoken(attack)}",
                )
        axes.set(xlabel=f"{norm.capitalize()} radius, pixels in [0, 1]", ylim=(0, 1.02))
        axes.set(ylabel="accuracy under attack")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))

    return svg(draw, height=3.6, legend=2)


def norm_curves(robustness: Mapping, norm: str) -> dict[str, list[dict]]:
    """Rows `{eps, norm, accuracy}` of one norm by attack, by rising `eps`."""
    chosen = {
        attack: sorted((r for r in rows if r["norm"] == norm), key=lambda r: r["eps"])
        for attack, rows in (robustness.get("attacks") or {}).items()
        if rows
    }
    return {attack: rows for attack, rows in chosen.items() if rows}


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


def loss_curve(points: Sequence[Sequence[float]]) -> bytes:
    """Distillation loss against step: `[[step, loss], ...]`."""
    step, loss = np.asarray(points, float).T

    def draw(axes: Axes) -> None:
        marker = "o" if len(step) <= FEW_POINTS else None
        axes.plot(step, loss, color=COLOURS[0], linewidth=1.2, marker=marker)
        axes.set(xlabel="distillation step", ylabel="matching loss", xlim=(0, None))
        axes.set_ylim(bottom=min(0.0, loss.min()))

    return svg(draw)
