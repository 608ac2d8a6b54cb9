"""Membership of several runs side by side: threats down, training data across."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.display_names import (
    PIPE_NAMES,
    dataset_name,
    display_name,
    run_value,
    set_size_text,
    short_name,
)
from dd_jax.report.formats import NOT_MEASURED, decimal, level, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record

RATES = ("0.01", "0.001")
SAME = ("dataset", "num_classes", "ipc", "arch", "width", "seed", "split")


def side_by_side(
    records: Sequence[Record], score: str = ""
) -> Iterator[tuple[str, Table]]:
    """A table for the runs of one data set, size and network, with what they share.

    First the accuracy of networks on each, since what learns little leaks little. Each
    threat begins with the smallest FPR that its sample resolves; then AUC and TPRs of
    each score, with 95 % intervals. A column is a distilled set, by method and
    initialisation, or a baseline; baselines that runs share are one column.

    Args:
      records: as `dd_jax.report.records.read` gives them.
      score: the only score that is shown; default all.

    Yields:
      `(title, table)`.
    """
    groups: dict[tuple, list[Record]] = {}
    for record in records:
        key = tuple(record["run"].get(name) for name in SAME)
        groups.setdefault(key, []).append(record)
    for own in groups.values():
        if columns := _columns(own):
            yield _title(own[0]), _table(own[0], columns, score)


def scores(records: Sequence[Record]) -> list[str]:
    """Names of the scores that any of the records has, in order."""
    pipes = [lookup(record, "privacy", p) for record in records for p in PIPE_NAMES]
    threats = [threat for pipe in pipes for threat in (pipe or {}).values()]
    return [*dict.fromkeys(score for threat in threats for score in threat or ())]


def _title(record: Record) -> str:
    run = record["run"]
    width = f" of width {run['width']}" if run.get("width") else ""
    return (
        f"{dataset_name(record)}, {set_size_text(record)}, "
        f"{run_value(record, 'arch')}{width}, seed {run.get('seed', 0)}"
    )


class TrainingSetColumn(NamedTuple):
    """What a training set leaks, `{threat: {score: rates}}`, and its accuracy."""

    threats: dict
    accuracy: dict | None


def _columns(records: Sequence[Record]) -> dict[str, TrainingSetColumn]:
    """Training data by heading."""
    columns: dict[str, TrainingSetColumn] = {}
    for pipe in PIPE_NAMES:
        seen = set()
        for record in records:
            found = lookup(record, "privacy", pipe)
            own = headline.accuracy(record, pipe)
            same = json.dumps([found, own], sort_keys=True)
            if not found or (pipe != "distilled" and same in seen):
                continue
            seen.add(same)
            name = _heading(record, pipe)
            if name in columns:
                name += f", run {record['run']['id']}"
            columns[name] = TrainingSetColumn(found, own)
    return columns


def _heading(record: Record, pipe: str) -> str:
    if pipe != "distilled":
        return PIPE_NAMES[pipe]
    init = f", init {run_value(record, 'init')}" if record["run"]["init"] else ""
    method = short_name(run_value(record, "method"))
    spent = lookup(record, "run", "differential_privacy", "epsilon")
    private = "" if spent is None else f", epsilon {spent:.3g}"
    return f"{PIPE_NAMES[pipe]} ({method}{init}{private})"


def _table(record: Record, columns: dict[str, TrainingSetColumn], score: str) -> Table:
    threats = sorted({threat for own in columns.values() for threat in own.threats})
    accuracy = [str(percent(own.accuracy)) for own in columns.values()]
    rows = [("", "", "accuracy", *accuracy)]
    rows += [row for t in threats for row in _rows(record, columns, t, score)]
    return Table(("threat", "score", "figure", *columns), rows)


def _rows(
    record: Record, columns: dict[str, TrainingSetColumn], threat: str, only: str
) -> Iterator[tuple[str, ...]]:
    """A threat model that does not apply to a pipeline is null in its Record."""
    parts = [own.threats.get(threat, {}) for own in columns.values()]

    def row(score: str, figure: str, show: Callable, *keys: str) -> tuple[str, ...]:
        shown = (part if part is None else show(lookup(part, *keys)) for part in parts)
        cells = ("undefined" if cell is None else str(cell) for cell in shown)
        name = display_name(score, record, "score") if score else ""
        return threat.upper(), name, figure, *cells

    yield row("", "smallest FPR resolved", _resolution)
    scores = dict.fromkeys(score for part in parts for score in part or ())
    for score in (s for s in scores if only in ("", s)):
        yield row(score, "AUC", decimal, score, "auc")
        for rate in RATES:
            figure = f"TPR at {level(rate)} FPR"
            yield row(
                score, figure, partial(percent, digits=2), score, "tpr_at_fpr", rate
            )


def _resolution(scores: dict) -> str:
    rate = headline.resolved_by(scores)
    return f"{100 * rate:.2g} %" if rate else NOT_MEASURED
