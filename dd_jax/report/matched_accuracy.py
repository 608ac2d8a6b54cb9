"""Risks of settings with mitigations beside plain ones of the same accuracy."""

from collections.abc import Sequence

import numpy as np

from dd_jax.report.blocks import Table
from dd_jax.report.conditions import conditions, data_name, data_of
from dd_jax.report.decision.mitigations import defences, in_words, is_plain
from dd_jax.report.display_names import run_value
from dd_jax.report.formats import decimal, percent
from dd_jax.report.frontier import RISKS, Point, Risk, by_setting, point_of
from dd_jax.types import Record


def at_accuracy(plain: Sequence[tuple[float, float]], accuracy: float) -> float | None:
    """What sets without a mitigation have at an accuracy, between the two nearest.

    Args:
      plain: pairs of accuracy and risk, of sets of different sizes.
      accuracy: where to look; None comes back outside of those of `plain`.

    Returns:
      The risk, linear in the accuracy between neighbours.

    >>> at_accuracy([(0.75, 0.5), (0.25, 1.0)], 0.5), at_accuracy([(0.75, 0.5)], 0.5)
    (0.75, None)
    """
    if not plain:
        return None
    x, y = np.array(sorted(plain)).T
    inside = x[0] <= accuracy <= x[-1]
    return float(np.interp(accuracy, x, y)) if inside else None


def matched(records: Sequence[Record]) -> Table | None:
    """A row for each setting with a mitigation, each risk with that of plain sets.

    Those are sets of the same data, networks, method and initialisation without a
    mitigation, of any number of images a class, at the accuracy of the mitigated set;
    `-` where that is outside of theirs.

    Args:
      records: of a sweep; repeats differ in the seed alone.

    Returns:
      The table; None where no setting has a mitigation.
    """
    settings = by_setting(records)
    plain = [same for same in settings if is_plain(same[0])]
    mitigated = [same for same in settings if defences(same[0])]
    risks = [r for r in RISKS if any(_point(same, r) for same in mitigated)]
    if not risks:
        return None
    several = len({data_of(same[0]) for same in mitigated}) > 1
    rows = []
    for same in mitigated:
        beside = [other for other in plain if _kind(other[0]) == _kind(same[0])]
        points = [_point(same, risk) for risk in risks]
        accuracy = percent(next((p.accuracy for p in points if p), None))
        cells = [
            _cell(point, [_point(other, risk) for other in beside], risk)
            for point, risk in zip(points, risks)
        ]
        data = [data_name(same[0])] * several
        rows.append((*data, *_names(same[0]), accuracy, *cells))
    names = [f"{risk.name}; plain" for risk in risks]
    columns = ("method", "IPC", "init", "mitigation", "accuracy", *names)
    return Table((*["data set"] * several, *columns), rows)


def _names(record: Record) -> tuple[str, ...]:
    keys = ("method", "ipc", "init")
    return *(run_value(record, key) for key in keys), ", ".join(in_words(record))


def _kind(record: Record) -> tuple:
    run = map(record["run"].get, ("method", "method_form", "init"))
    return *run, conditions(record)


def _point(same: Sequence[Record], risk: Risk) -> Point | None:
    return point_of("", same, "distilled", risk)


def _cell(point: Point | None, plain: Sequence[Point | None], risk: Risk) -> str:
    if point is None:
        return "-"
    pairs = [(p.accuracy["mean"], p.risk["mean"]) for p in plain if p]
    there = at_accuracy(pairs, point.accuracy["mean"])
    text = percent if risk.percent else decimal
    beside = "-" if there is None else text(there).text
    return f"{text(point.risk)}; {beside}"
