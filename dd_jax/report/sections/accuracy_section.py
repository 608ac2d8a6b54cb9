"""Accuracy of each training data, on average and on every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from dd_jax.catalogue import entries
from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Block, Figure, Pair, Pictures, Table, Text, grid, notes
from dd_jax.report.display_names import PIPE_NAMES, class_name, pipe_names
from dd_jax.report.figures import PIPE_STYLE, in_percent
from dd_jax.report.formats import count, decimal, percent, share
from dd_jax.report.records import estimate, lookup
from dd_jax.report.run_notes import evaluated_on
from dd_jax.report.schema import PIPES, RATE, SHARE, by_pipe
from dd_jax.report.shapes import estimate as shape
from dd_jax.report.shapes import listed
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = 0
SHAPE = by_pipe(shape(SHARE, {"per_class": listed(RATE)}))
MOST_BARS = 20  # classes of a figure


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Accuracy beside the baselines, and of every class."""
    known = {
        pipe: value
        for pipe in PIPES
        if estimate(value := headline.accuracy(record, pipe))
    }
    plots = [_means_figure(known)] if known else []
    return [
        Pair(grid("Accuracy", means(record)), [Pictures(plots)]),
        *notes(explanation(record, files.config)),
        *grid("DP-SGD on full data, in the course of training", by_epsilon(record)),
        *_of_classes(record, known),
    ]


def means(record: Record) -> Table | None:
    """Accuracy by training data, and its share of that of full data."""
    full = headline.mean(headline.accuracy(record, "full_data"))
    rows = []
    for pipe, name in pipe_names(record.get("accuracy") or {}).items():
        value = headline.accuracy(record, pipe)
        known = estimate(value)
        if known is None:
            rows.append((name, percent(None), "", ""))
            continue
        kept = ""
        if full is not None:
            kept = share(known["mean"] / full) if full > 0 else "undefined"
        rows.append((name, percent(value), kept, str(known["n"] or "")))
    columns = ("Training data", "Accuracy", "Share of full data", "Nets or sets")
    return Table(columns, rows) if record.get("accuracy") else None


def explanation(record: Record, config: dict) -> list[str]:
    """Which networks each accuracy is the mean of, and what its interval covers."""
    run, lines = record["run"], [evaluated_on(record)]
    nets = {
        pipe: known["n"]
        for pipe in PIPES
        if (known := estimate(headline.accuracy(record, pipe))) and known["n"]
    }
    sets, single = run.get("sets"), " A single net has no interval."
    followers = {e.name for e in entries("method") if e.traits.get("follows_experts")}
    experts = "from the same experts " if run["method"] in followers else ""
    if "distilled" in nets and sets and sets > 1:
        lines.append(
            f"Distilled: {sets} synthetic sets, {count(run.get('nets', 1), 'net')} "
            f"each; the interval covers distilling {experts}and training again."
        )
    elif "distilled" in nets:
        lines.append(
            f"Distilled: {count(nets['distilled'], 'net')} on one synthetic set"
            + (
                "; the interval covers training again, not distilling again."
                if nets["distilled"] > 1
                else f".{single}"
            )
        )
    if "random_subset" in nets:
        n = nets["random_subset"]
        lines.append(
            f"Random subset: {count(n, 'net')}, each on its own random draw of real "
            "images, as many of each class as the synthetic set has"
            + ("; the interval covers the draw too." if n > 1 else f".{single}")
        )
    if "full_data" in nets:
        lines.append(
            f"Full data: {count(nets['full_data'], 'net')}"
            f"{_epochs(config)}.{single if nets['full_data'] == 1 else ''}"
        )
    if "dp_sgd" in nets:
        lines.append(
            f"DP-SGD on full data: {count(nets['dp_sgd'], 'net')} at the same epsilon "
            f"and delta as the set.{single if nets['dp_sgd'] == 1 else ''}"
        )
    return lines


def by_epsilon(record: Record) -> Table | None:
    """Accuracy of DP-SGD against the epsilon spent so far."""
    part = lookup(record, "run", "differential_privacy", "dp_sgd", "evaluated")
    rows = [
        (str(row["epochs"]), decimal(row["epsilon"]), percent(row["accuracy"]))
        for row in part or ()
    ]
    return Table(("Epochs", "Epsilon", "Accuracy"), rows) if rows else None


def _epochs(config: dict) -> str:
    full = lookup(config, "train", "full_epochs")
    small = lookup(config, "train", "epochs")
    if not full or not small:
        return ""
    return f", {full} epochs (the others: {small})"


def _of_classes(record: Record, known: Mapping[str, dict]) -> list[Block]:
    table = classes(record)
    if table is None:
        return []
    per_class = {pipe: v["per_class"] for pipe, v in known.items() if _has_classes(v)}
    names = [str(row[0]) for row in table.rows]
    text = "Accuracy on every class, averaged over nets"
    if len(names) > MOST_BARS and per_class:
        text += (
            f"; the figure has the {MOST_BARS} classes of lowest accuracy on the "
            "distilled set"
        )
    plots = [_classes_figure(per_class, names)] if per_class else []
    right = grid("Accuracy on every class", table, tall=True)
    return [Text(f"{text}."), Pair([Pictures(plots)], right)]


def _has_classes(value: dict | float) -> bool:
    return isinstance(value, dict) and bool(value.get("per_class"))


def classes(record: Record) -> Table | None:
    """Accuracy on every class by training data, means over nets."""
    known = {
        name: values
        for pipe, name in PIPE_NAMES.items()
        if (values := lookup(record, "accuracy", pipe, "per_class"))
    }
    rows = [
        (class_name(record, c), *map(percent, row))
        for c, row in enumerate(zip_longest(*known.values()))
    ]
    return Table(("Class", *known), rows) if rows else None


def _means_figure(accuracy: Mapping[str, dict]) -> Figure:
    """Bars with 95 % intervals of `{PIPE: estimate}`."""

    def draw(axes: Axes) -> None:
        known = {pipe: estimate(value) or {} for pipe, value in accuracy.items()}
        for y, (pipe, value) in enumerate(reversed(known.items())):
            axes.barh(y, value["mean"], color=PIPE_STYLE[pipe]["color"], height=0.6)
            within = np.clip(value["ci"] or [value["mean"]], 0, 1)
            if value["ci"]:
                axes.plot(within, [y, y], color="black", marker="|", markersize=9)
            end = within.max()
            axes.text(end + 0.015, y, f"{100 * value['mean']:.1f} %", va="center")
        names = [
            PIPE_NAMES[pipe] + ("\n(one net)" if value["n"] == 1 else "")
            for pipe, value in reversed(known.items())
        ]
        axes.set(yticks=range(len(known)), yticklabels=names, xlim=(0, 1.14))
        axes.set(xlabel="accuracy", xticks=np.linspace(0, 1, 6))
        in_percent(axes.xaxis, ".0f")
        axes.grid(axis="y", visible=False)

    alt = "Accuracy by training data with 95 % intervals"
    return Figure(alt, draw, height=0.9 + 0.45 * len(accuracy))


def _classes_figure(
    per_class: Mapping[str, Sequence], names: Sequence[str], most: int = MOST_BARS
) -> Figure:
    """Bars of `{PIPE: [accuracy of class 0, ...]}`; of many classes the worst."""
    known = [
        [(estimate(v) or {"mean": np.nan})["mean"] for v in values]
        for values in per_class.values()
    ]
    values = np.array([*zip_longest(*known, fillvalue=np.nan)]).T
    shown = np.argsort(values[0], kind="stable")[:most]
    shown = np.sort(shown)[::-1]

    def draw(axes: Axes) -> None:
        width = 0.8 / len(per_class)
        for i, pipe in enumerate(per_class):
            axes.barh(
                np.arange(len(shown)) + 0.4 - width * (i + 0.5),
                values[i, shown],
                height=width,
                label=PIPE_NAMES[pipe],
                color=PIPE_STYLE[pipe]["color"],
            )
        labels = [names[c][:18] for c in shown]
        axes.set(yticks=range(len(shown)), yticklabels=labels, xlim=(0, 1))
        axes.set(xlabel="accuracy on the class", ylim=(-0.6, len(shown) - 0.4))
        in_percent(axes.xaxis, ".0f")
        axes.grid(axis="y", visible=False)

    alt = "Accuracy on every class, by training data"
    return Figure(alt, draw, 1.2 + 0.34 * len(shown), legend=len(per_class))
