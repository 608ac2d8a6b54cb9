"""Membership of several runs side by side: threats down, training data across."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.formats import PIPE_NAMES, decimal, level, percent, plain, spoken
from dd_jax.report.records import lookup
from dd_jax.report.tables import Table
from dd_jax.types import Record

RATES = ("0.01", "0.001")
SAME = ("dataset", "num_classes", "ipc", "arch", "width", "seed", "split")


def side_by_side(records: Sequence[Record]) -> Iterator[tuple[str, Table]]:
    """A table for the runs of one data set, size and network, with what they share.

    First the accuracy of networks on each, since what learns little has little to give
    away. Each threat begins with the smallest FPR that its sample resolves; then AUC
    and TPRs of each score, with 95 % intervals. A column is a distilled set, by method
    and initial images, or a baseline; baselines that runs have in common stand once.

    Args:
      records: as `dd_jax.report.records.read` gives them.

    Yields:
      `(title, table)`.
    """
    groups: dict[tuple, list[Record]] = {}
    for record in records:
        key = tuple(record["run"].get(name) for name in SAME)
        groups.setdefault(key, []).append(record)
    for own in groups.values():
        if columns := _columns(own):
            yield _title(own[0]["run"]), _table(columns)


def _title(run: dict) -> str:
    width = f" of width {run['width']}" if run.get("width") else ""
    return (
        f"{run['dataset']}, {plain(run['ipc'])} a class, {run['arch']}{width}, "
        f"seed {run.get('seed', 0)}"
    )


class Column(NamedTuple):
    """What a pipeline gives away, `{threat: {score: figures}}`, and its accuracy."""

    threats: dict
    accuracy: dict | None


def _columns(records: Sequence[Record]) -> dict[str, Column]:
    """Pipelines by heading."""
    columns: dict[str, Column] = {}
    for pipe in PIPE_NAMES:
        seen = set()
        for record in records:
            found = lookup(record, "privacy", pipe)
            own = headline.accuracy(record, pipe)
            same = json.dumps([found, own], sort_keys=True)
            if not found or (pipe != "distilled" and same in seen):
                continue
            seen.add(same)
            name = _heading(record["run"], pipe)
            if name in columns:
                name += f", run {record['run']['id']}"
            columns[name] = Column(found, own)
    return columns


def _heading(run: dict, pipe: str) -> str:
    if pipe != "distilled":
        return PIPE_NAMES[pipe]
    init = f", init {run['init']}" if run["init"] else ""
    return f"{PIPE_NAMES[pipe]} ({run['method']}{init})"


def _table(columns: dict[str, Column]) -> Table:
    threats = sorted({threat for own in columns.values() for threat in own.threats})
    accuracy = [str(percent(own.accuracy)) for own in columns.values()]
    rows = [("", "", "accuracy", *accuracy)]
    rows += [row for threat in threats for row in _rows(columns, threat)]
    return Table(("threat", "score", "figure", *columns), rows)


def _rows(columns: dict[str, Column], threat: str) -> Iterator[tuple[str, ...]]:
    """A threat that makes no sense for a pipeline is null in its Record."""
    parts = [own.threats.get(threat, {}) for own in columns.values()]

    def row(score: str, figure: str, show: Callable, *keys: str) -> tuple[str, ...]:
        shown = (part if part is None else show(lookup(part, *keys)) for part in parts)
        cells = ("undefined" if cell is None else str(cell) for cell in shown)
        return threat.upper(), spoken(score), figure, *cells

    yield row("", "smallest FPR resolved", _resolution)
    for score in dict.fromkeys(score for part in parts for score in part or ()):
        yield row(score, "AUC", decimal, score, "auc")
        for rate in RATES:
            figure = f"TPR at {level(rate)} FPR"
            yield row(
                score, figure, partial(percent, digits=2), score, "tpr_at_fpr", rate
            )


def _resolution(scores: dict) -> str:
    rate = headline.resolved_by(scores)
    return f"{100 * rate:.2g} %" if rate else "not measured"
