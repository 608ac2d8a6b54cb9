"""Trend plots of a sweep: each headline number against what varies."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, ScalarFormatter

from dd_jax.report import (
    accuracy_against_radius,
    accuracy_against_time,
    headline,
    one_factor,
)
from dd_jax.report.display_names import BASELINES, PIPE_NAMES, key_name
from dd_jax.report.figures import (
    DASHES,
    GREY,
    error_bars,
    in_percent,
    line_style,
    no_minor_ticks,
    svg,
)
from dd_jax.report.frontier import frontiers
from dd_jax.report.lines import MOST, lines, pooled, short
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import estimate
from dd_jax.report.repeats import settings
from dd_jax.report.run_keys import KEYS, NUMERIC, value_name
from dd_jax.report.sweep_axes import Layout, grouped, layout
from dd_jax.system import disk
from dd_jax.types import Record

MOST_VALUES = 40  # along the x axis of a panel
MOST_TICKS = 12


class Plan(NamedTuple):
    """A panel that may be drawn: what it shows, its title, and what draws it."""

    metric: str
    title: str
    draw: Callable[[Axes], None]


class Trend(NamedTuple):
    """One drawn panel."""

    title: str
    svg: bytes


METRICS: dict[str, Callable[..., dict | None]] = {
    "Accuracy": headline.accuracy,
    "Worst-class accuracy": headline.worst_class,
    "Membership AUC": headline.membership_auc,
    "Accuracy under PGD (Linf)": headline.robust_accuracy,
}

AGAINST = {
    "time": accuracy_against_time.curves,
    "radius": accuracy_against_radius.curves,
}


def plans(records: Sequence[Record]) -> list[Plan]:
    """A panel for each metric measured and each value of the panel keys.

    Runs that differ in other settings as well, such as a defence, are panels of their
    own. A sweep of one factor at a time has panels for each factor.

    Args:
      records: two or more Records of a sweep.

    Returns:
      Panels, by metric: first the frontiers of mitigations, then, where a run key
      varies, the trends. Panels of one metric share the
      y axis. Baselines (means over the panel's runs) are grey.
    """
    found = [Plan("Frontier", title, draw) for title, draw in frontiers(records)]
    if layout(records) is None:
        return found
    panels = [
        panel
        for other, alike in _by_other_settings(records)
        for part in one_factor.parts(alike)
        for panel in _panels(part, other)
    ]
    for metric, measure in METRICS.items():
        if not any(estimate(measure(record)) for record in records):
            continue
        limits = _limits(records, measure)
        for axes, where, members in panels:
            draw = _panel(members, axes, measure, metric, limits)
            found.append(Plan(metric, ", ".join([metric, *where]), draw))
    for _, members in grouped(records, ("ipc",)):
        for what, curves in AGAINST.items():
            if draw := curves(members):
                metric = f"Accuracy against {what}"
                title = f"{metric}, {value_name(members[0], 'ipc')}"
                many = len(lines(members)) > MOST
                cut = f", at most {MOST} lines" if many else ""
                found.append(Plan(metric, title + cut, draw))
    return found


def _panels(
    part: one_factor.Part, other: list[str]
) -> list[tuple[Layout, list[str], list[Record]]]:
    """Axes, words for what is fixed, and Records of each panel of a part of a sweep."""
    axes = layout(part.records)
    if axes is None:
        return []
    keys = (*axes.panels, *part.fixed)
    found = []
    for values, members in grouped(part.records, keys):
        where = [
            f"no {key_name(k)}" if v is None else value_name(members[0], k)
            for k, v in zip(keys, values)
        ]
        kept, cut = _few(members, axes)
        found.append((axes, [*where, *other, *cut], kept))
    return found


def _by_other_settings(
    records: Sequence[Record],
) -> list[tuple[list[str], list[Record]]]:
    """Runs that agree in all settings that are no run keys; with words for these."""
    keys, values, _ = settings(records)
    names: dict[str, set[str]] = {}
    for record in records:
        names.setdefault(record["run"]["method"], set()).add(_method(record))
    found: dict[tuple, list[Record]] = {}
    for record, own in zip(records, values):
        other = [f"{k} {without_paths(v)}" for k, v in zip(keys, own) if k not in KEYS]
        if len(names[record["run"]["method"]]) > 1:  # as MTT and DATM
            other.append(_method(record))
        found.setdefault(tuple(other), []).append(record)
    return [(list(other), members) for other, members in found.items()]


def _method(record: Record) -> str:
    return value_name(record, "method")


def draw_panel(plan: Plan) -> Trend:
    """One panel, drawn."""
    return Trend(plan.title, svg(plan.draw, legend=2))


def write_svgs(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write each trend as an SVG file named after its title; returns the paths."""
    paths: list[Path] = []
    for trend in map(draw_panel, plans(records)):
        folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^a-z0-9]+", "_", trend.title.lower()).strip("_")[:100]
        path, number = folder / f"{stem}.svg", 1
        while path in paths:  # titles may differ in characters that names leave out
            number += 1
            path = folder / f"{stem}_{number}.svg"
        disk.replace(path, trend.svg)
        paths.append(path)
    return paths


def _panel(
    records: Sequence[Record],
    axes: Layout,
    metric: Callable[..., dict | None],
    ylabel: str,
    limits: tuple[float, float],
) -> Callable[[Axes], None]:
    along = grouped(records, (axes.x,))
    ticks = [x for (x,), _ in along]
    place = (lambda x: x) if axes.x in NUMERIC else ticks.index

    def line(members: Sequence[Record], pipe: str) -> list[tuple]:
        return [
            (place(x), pooled([metric(record, pipe) for record in same]))
            for (x,), same in grouped(members, (axes.x,))
        ]

    def draw(panel: Axes) -> None:
        groups = grouped(records, (axes.line,)) if axes.line else [(("",), records)]
        for i, (_, members) in enumerate(groups):
            panel.errorbar(
                *error_bars(line(members, "distilled")),
                **line_style(i),
                capsize=2,
                label=short(value_name(members[0], axes.line))
                if axes.line
                else "Distilled",
            )
        for pipe, dash in zip(BASELINES, DASHES[1:]):
            x, y, _ = error_bars(line(records, pipe))
            if x:
                style = {"color": GREY, "linestyle": dash, "linewidth": 1.2}
                panel.errorbar(x, y, label=PIPE_NAMES[pipe], **style)
        panel.set(xlabel=key_name(axes.x), ylabel=ylabel, ylim=limits)
        if metric is not headline.membership_auc:
            in_percent(panel.yaxis, ".4g")
        if axes.x in NUMERIC:
            if ticks[0] > 0 and ticks[-1] >= 8 * ticks[0]:
                panel.set_xscale("log")
            panel.xaxis.set_major_locator(FixedLocator(ticks, MOST_TICKS))
            no_minor_ticks(panel.xaxis)
            panel.xaxis.set_major_formatter(ScalarFormatter())
        else:
            names = [short(value_name(same[0], axes.x)) for _, same in along]
            panel.set_xticks(range(len(ticks)), names, rotation=20)

    return draw


def _few(records: Sequence[Record], axes: Layout) -> tuple[list[Record], list[str]]:
    """Records of the lines and values of x that a panel has room for; what is cut."""
    cut = []
    for key, most in ((axes.line, MOST), (axes.x, MOST_VALUES)):
        groups = grouped(records, (key,)) if key else []
        if len(groups) > most:
            records = [record for _, members in groups[:most] for record in members]
            cut.append(f"the first {most} of {len(groups)} of {key_name(key)}")
    return list(records), cut


def _limits(
    records: Sequence[Record], metric: Callable[..., dict | None]
) -> tuple[float, float]:
    known = [estimate(metric(r, pipe)) for r in records for pipe in PIPE_NAMES]
    bounds = [b for v in known if v for b in (v["mean"], *(v["ci"] or []))]
    if metric is headline.membership_auc:
        bounds.append(0.5)
    low, high = max(min(bounds), 0.0), min(max(bounds), 1.0)
    room = max(0.05 * (high - low), 0.01)
    return low - room, high + room
