"""Accuracy against each risk, of settings with mitigations beside those without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from dd_jax.report import headline
from dd_jax.report.conditions import conditions, data_name, data_of
from dd_jax.report.decision.mitigations import (
    DP,
    defences,
    in_words,
    is_plain,
    is_poisoned,
)
from dd_jax.report.display_names import (
    BASELINES,
    PIPE_NAMES,
    run_value,
    short_name,
)
from dd_jax.report.figures import GREY, error_bars, in_percent, line_style
from dd_jax.report.lines import MOST, pooled
from dd_jax.report.repeats import settings
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RING = 11  # points
MARKERS = dict(zip(BASELINES, ("x", "+", "1")))


class Risk(NamedTuple):
    """A number of a Record that a mitigation is to improve.

    Attributes:
      name: as titles and axes have it.
      of: `(record, pipe) -> estimate`.
      more: whether a larger one is the better one.
      percent: whether it is shown in per cent.
    """

    name: str
    of: Callable[[Record, str], dict | None]
    more: bool
    percent: bool = True


RISKS = (
    Risk("Worst-class accuracy", headline.worst_class, more=True),
    Risk("Equalised odds, max", headline.equalised_odds, more=False),
    Risk("Membership AUC", headline.membership_auc, more=False, percent=False),
    Risk("Accuracy under PGD (Linf)", headline.robust_accuracy, more=True),
    Risk(
        "Accuracy under AutoAttack (Linf)",
        partial(headline.robust_accuracy, attack="autoattack"),
        more=True,
    ),
)


class Point(NamedTuple):
    """A setting, or a baseline, with both estimates over its repeats."""

    label: str
    risk: dict
    accuracy: dict


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points `(cost, accuracy)` that no other one improves on.

    A point is improved on by one that costs no more and is no less accurate, and is
    better in one of both.

    >>> front([(0.5, 0.8), (0.6, 0.9), (0.6, 0.85), (0.7, 0.7)])
    [0, 1]
    """
    return [
        i
        for i, (x, y) in enumerate(points)
        if not any(a <= x and b >= y and (a < x or b > y) for a, b in points)
    ]


def frontiers(
    records: Sequence[Record],
) -> list[tuple[str, Callable[[Axes], None]]]:
    """A panel for each data set and risk, where some runs have a defence.

    Points are means over repeats, which differ in the seed alone. Rings are around
    settings that no other one improves on in both numbers at once; the dashed line
    joins them.

    Args:
      records: of a sweep.

    Returns:
      Titles, each with what draws the panel.
    """
    of_data: dict[tuple, list[Record]] = {}
    for record in records:
        if not is_poisoned(record):
            of_data.setdefault(data_of(record), []).append(record)
    found = []
    for same in of_data.values():
        where = f", {data_name(same[0])}" if len(of_data) > 1 else ""
        of_settings = by_setting(same) if any(map(defences, same)) else []
        for risk in RISKS:
            points = _points(of_settings, risk)
            if len(points) > 1:
                name = risk.name[0].lower() + risk.name[1:]
                draw = _panel(points, _baselines(same, risk), risk)
                found.append((f"Accuracy against {name}{where}", draw))
    return found


def best(points: Sequence[Point], risk: Risk) -> list[Point]:
    """The points that no other one improves on, by rising accuracy."""
    sign = -1 if risk.more else 1
    pairs = [(sign * p.risk["mean"], p.accuracy["mean"]) for p in points]
    kept = [points[i] for i in front(pairs)]
    return sorted(kept, key=lambda point: point.accuracy["mean"])


def by_setting(records: Sequence[Record]) -> list[list[Record]]:
    """The repeats of each setting, which differ in the seed alone."""
    repeats: dict[tuple, list[Record]] = {}
    for record, own in zip(records, settings(records).values):
        repeats.setdefault(own, []).append(record)
    return list(repeats.values())


def _points(of_settings: Sequence[Sequence[Record]], risk: Risk) -> list[Point]:
    usual = _usual([same[0] for same in of_settings])
    found = [
        point_of(_label(same[0], usual), same, "distilled", risk)
        for same in of_settings
    ]
    return [point for point in found if point][:MOST]


def _usual(records: Sequence[Record]) -> dict[str, str]:
    """Method and initialisation that most settings have, which labels leave out."""
    values = {key: [run_value(r, key) for r in records] for key in ("method", "init")}
    return {key: max(of, key=of.count, default="") for key, of in values.items()}


def _label(record: Record, usual: Mapping[str, str]) -> str:
    """The images per class and mitigations of a setting, and what is not usual."""
    own = {key: run_value(record, key) for key in usual}
    words = [short_name(own[key], key) for key in usual if own[key] != usual[key]]
    return ", ".join([*words, f"IPC {run_value(record, 'ipc')}", *in_words(record)])


def _baselines(records: Sequence[Record], risk: Risk) -> list[tuple[str, Point]]:
    """Random subsets by size and full data, without mitigation; DP-SGD by epsilon.

    Each with the marker of its training data.
    """
    repeats: dict[tuple, list[Record]] = {}
    for record in records:
        sizes = {
            "random_subset": f", IPC {run_value(record, 'ipc')}",
            "dp_sgd": f", epsilon {defences(record).get(DP)}",
        }
        for pipe in BASELINES if is_plain(record) else ("dp_sgd",):
            label = PIPE_NAMES[pipe] + sizes.get(pipe, "")
            repeats.setdefault((pipe, label, conditions(record)), []).append(record)
    found = [
        (MARKERS[pipe], point_of(label, same, pipe, risk))
        for (pipe, label, _), same in repeats.items()
    ]
    return [(marker, point) for marker, point in found if point]


def point_of(
    label: str, repeats: Sequence[Record], pipe: str, risk: Risk
) -> Point | None:
    """A setting by the means over its repeats; None where a number was not measured."""
    value = pooled([risk.of(record, pipe) for record in repeats])
    accuracy = pooled([headline.accuracy(record, pipe) for record in repeats])
    return Point(label, value, accuracy) if value and accuracy else None


def _panel(
    points: Sequence[Point], baselines: Sequence[tuple[str, Point]], risk: Risk
) -> Callable[[Axes], None]:
    def cross(panel: Axes, point: Point, **style) -> None:
        x, y = point.risk["mean"], point.accuracy["mean"]
        _, _, up = error_bars([(x, point.accuracy)])
        _, _, across = error_bars([(y, point.risk)])
        style |= {"linestyle": "none", "linewidth": 1, "label": point.label}
        panel.errorbar([x], [y], yerr=up, xerr=across, capsize=2, **style)

    def draw(panel: Axes) -> None:
        for i, point in enumerate(points):
            cross(panel, point, **line_style(i))
        for marker, point in baselines:
            cross(panel, point, marker=marker, color=GREY)
        shown = [(p.risk["mean"], p.accuracy["mean"]) for p in best(points, risk)]
        ring = {"marker": "o", "markersize": RING, "markerfacecolor": "none"}
        line = {"linestyle": "--", "linewidth": 1.2, "color": GREY}
        panel.plot(*zip(*shown), **ring, **line, label="no other improves on these")
        panel.set(xlabel=risk.name, ylabel="Accuracy")
        in_percent(panel.yaxis, ".4g")
        if risk.percent:
            in_percent(panel.xaxis, ".4g")

    return draw
