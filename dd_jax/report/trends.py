"""Trend plots of a sweep: which axes vary, and how each headline number follows."""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    NullLocator,
    ScalarFormatter,
)

from dd_jax.report import headline, radius
from dd_jax.report import learning_curve as learning
from dd_jax.report.figures import DASHES, GREY, error_bars, line_style, svg
from dd_jax.report.formats import BASELINES, PIPE_NAMES, plain
from dd_jax.report.lines import MOST, NAMED, NUMERIC, lines, name, pooled, short
from dd_jax.report.records import estimate
from dd_jax.system import disk
from dd_jax.types import Record

MOST_VALUES = 40  # along the x axis of a panel
MOST_TICKS = 12


class Layout(NamedTuple):
    """Which run keys go along x, tell lines apart, and tell panels apart."""

    x: str
    line: str | None
    panels: tuple[str, ...]


class Plan(NamedTuple):
    """A panel that may be drawn: what it shows, its title, and what draws it."""

    metric: str
    title: str
    draw: Callable[[Axes], None]


class Trend(NamedTuple):
    """One drawn panel."""

    title: str
    svg: bytes


def layout(records: Sequence[Record]) -> Layout | None:
    """Choose axes from the run keys that vary; None where none does.

    x is the first of `ipc num_classes width` that varies, else that of `init method
    arch dataset` with the most values; lines the first other of `init method arch
    dataset`, else of the numeric ones; panels the rest. Runs that differ in no such key
    (seeds) are repeats. A number that some runs lack (a width, where architectures
    vary) tells panels apart at most.
    """
    seen = {
        key: {record["run"].get(key) for record in records}
        for key in (*NUMERIC, *NAMED)
    }
    partial = [key for key in NUMERIC if None in seen[key]]
    varying = [key for key in seen if len(seen[key]) > 1 and key not in partial]
    if not varying:
        return None
    first = varying[0]
    x = first if first in NUMERIC else max(varying, key=lambda key: len(seen[key]))
    rest = [key for key in varying if key != x]
    line = next((key for key in rest if key in NAMED), rest[0] if rest else None)
    panels = [key for key in rest if key != line]
    panels += [key for key in partial if len(seen[key]) > 2]
    return Layout(x, line, tuple(panels))


def membership_auc(record: Record, pipe: str = "distilled") -> dict | None:
    """AUC of the strongest membership attack."""
    attack = headline.membership(record, pipe)
    return attack.auc if attack else None


def robust_accuracy(record: Record, pipe: str = "distilled") -> dict | None:
    """Accuracy under the headline attack."""
    attack = headline.robustness(record, pipe)
    return attack.accuracy if attack else None


METRICS: dict[str, Callable[..., dict | None]] = {
    "Accuracy": headline.accuracy,
    "Worst-class accuracy": headline.worst_class,
    "Membership AUC": membership_auc,
    "Accuracy under PGD (Linf)": robust_accuracy,
}

AGAINST = {"time": learning.curves, "radius": radius.curves}


def plans(records: Sequence[Record]) -> list[Plan]:
    """A panel for each metric measured and each value of the panel keys.

    Args:
      records: two or more Records of a sweep.

    Returns:
      Panels, by metric; none where no run key varies. Panels of one metric share the
      y axis. Baselines (means over the panel's runs) are grey.
    """
    axes = layout(records)
    if axes is None:
        return []
    panels = _grouped(records, axes.panels)
    found = []
    for metric, measure in METRICS.items():
        if not any(estimate(measure(record)) for record in records):
            continue
        limits = _limits(records, measure)
        for values, members in panels:
            where = [
                f"no {name(k)}" if v is None else f"{name(k)} {plain(v)}"
                for k, v in zip(axes.panels, values)
            ]
            members, cut = _few(members, axes)
            draw = _panel(members, axes, measure, metric, limits)
            found.append(Plan(metric, ", ".join([metric, *where, *cut]), draw))
    for (ipc,), members in _grouped(records, ("ipc",)):
        for what, curves in AGAINST.items():
            if draw := curves(members):
                metric = f"Accuracy against {what}"
                title = f"{metric}, {name('ipc')} {plain(ipc)}"
                many = len(lines(members)) > MOST
                cut = f", at most {MOST} lines" if many else ""
                found.append(Plan(metric, title + cut, draw))
    return found


def trends(records: Sequence[Record]) -> list[Trend]:
    """All panels of `plans`, drawn."""
    return [drawn(plan) for plan in plans(records)]


def drawn(plan: Plan) -> Trend:
    """One panel, drawn."""
    return Trend(plan.title, svg(plan.draw, legend=2))


def write(records: Sequence[Record], folder: Path) -> list[Path]:
    """Writes each trend as an SVG file named after its title; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for trend in trends(records):
        stem = re.sub(r"[^a-z0-9]+", "_", trend.title.lower()).strip("_")[:100]
        path, number = folder / f"{stem}.svg", 1
        while path in paths:  # titles may differ in characters that names leave out
            number += 1
            path = folder / f"{stem}_{number}.svg"
        disk.replace(path, trend.svg)
        paths.append(path)
    return paths


def ordered(records: Sequence[Record]) -> list[Record]:
    """Records by their varying run keys, panels outermost; as given where none does."""
    axes = layout(records)
    if axes is None:
        return list(records)
    keys = (*axes.panels, *([axes.line] if axes.line else []), axes.x)
    return [record for _, members in _grouped(records, keys) for record in members]


def _panel(
    records: Sequence[Record],
    axes: Layout,
    metric: Callable[..., dict | None],
    ylabel: str,
    limits: tuple[float, float],
) -> Callable[[Axes], None]:
    ticks = [x for (x,), _ in _grouped(records, (axes.x,))]
    place = (lambda x: x) if axes.x in NUMERIC else ticks.index

    def line(members: Sequence[Record], pipe: str) -> list[tuple]:
        return [
            (place(x), pooled([metric(record, pipe) for record in same]))
            for (x,), same in _grouped(members, (axes.x,))
        ]

    def draw(panel: Axes) -> None:
        groups = _grouped(records, (axes.line,)) if axes.line else [(("",), records)]
        for i, ((value,), members) in enumerate(groups):
            panel.errorbar(
                *error_bars(line(members, "distilled")),
                **line_style(i),
                capsize=2,
                label=short(f"{name(axes.line)} {plain(value)}")
                if axes.line
                else "Distilled",
            )
        for pipe, dash in zip(BASELINES, DASHES[1:]):
            x, y, _ = error_bars(line(records, pipe))
            if x:
                style = {"color": GREY, "linestyle": dash, "linewidth": 1.2}
                panel.errorbar(x, y, label=PIPE_NAMES[pipe], **style)
        panel.set(xlabel=name(axes.x), ylabel=ylabel, ylim=limits)
        if metric is not membership_auc:
            panel.yaxis.set_major_formatter(
                FuncFormatter(lambda v, _: f"{100 * v:.4g} %")
            )
        if axes.x in NUMERIC:
            if ticks[0] > 0 and ticks[-1] >= 8 * ticks[0]:
                panel.set_xscale("log")
            panel.xaxis.set_major_locator(FixedLocator(ticks, MOST_TICKS))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(ScalarFormatter())
        else:
            names = [short(plain(x)) for x in ticks]
            panel.set_xticks(range(len(ticks)), names, rotation=20)

    return draw


def _few(records: Sequence[Record], axes: Layout) -> tuple[list[Record], list[str]]:
    """Records of as many lines and values of x as a panel can show, and what is cut."""
    cut = []
    for key, most in ((axes.line, MOST), (axes.x, MOST_VALUES)):
        groups = _grouped(records, (key,)) if key else []
        if len(groups) > most:
            records = [record for _, members in groups[:most] for record in members]
            cut.append(f"the first {most} of {len(groups)} of {name(key)}")
    return list(records), cut


def _limits(
    records: Sequence[Record], metric: Callable[..., dict | None]
) -> tuple[float, float]:
    known = [estimate(metric(r, pipe)) for r in records for pipe in PIPE_NAMES]
    bounds = [b for v in known if v for b in (v["mean"], *(v["ci"] or []))]
    if metric is membership_auc:
        bounds.append(0.5)
    low, high = max(min(bounds), 0.0), min(max(bounds), 1.0)
    room = max(0.05 * (high - low), 0.01)
    return low - room, high + room


def _grouped(records: Sequence[Record], keys: Sequence[str]) -> list[tuple]:
    def values(record: Record) -> tuple:
        return tuple(record["run"].get(key) for key in keys)

    rows = sorted(records, key=lambda r: [(v is not None, v) for v in values(r)])
    return [(value, list(members)) for value, members in groupby(rows, key=values)]
