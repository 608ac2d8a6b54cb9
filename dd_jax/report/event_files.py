"""Event files for TensorBoard: losses while a run goes on, final figures at its end.

`WORKDIR/tensorboard/RUN_ID` has one file at a time. A run that resumes, and one that
ends, puts a new file in its place, so that no step is there twice.
"""

import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dd_jax.report import headline
from dd_jax.report.records import estimate
from dd_jax.report.run_keys import KEYS
from dd_jax.report.schema import PIPES
from dd_jax.system import disk
from dd_jax.types import InputError, Record

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

Row = dict[str, Any]
FIGURES = {
    "accuracy": headline.accuracy,
    "worst_class": headline.worst_class,
    "membership_auc": headline.membership_auc,
    "accuracy_under_pgd": headline.robust_accuracy,
}


def require() -> None:
    """Refuse to go on without the library.

    Raises:
      InputError: it is not installed.
    """
    if find_spec("tensorboardX") is None:
        raise InputError(
            "report.tensorboard needs tensorboardX: pip install -e '.[tensorboard]'"
        )


def folder_of(run_folder: Path) -> Path:
    """Where the event file of a run is, `WORKDIR/tensorboard/RUN_ID`."""
    return run_folder.parents[1] / "tensorboard" / run_folder.name


class LiveLosses:
    """The losses of a distillation as it goes on; a `dd_jax.runtime.loop_log.Log`."""

    def __init__(self, run_folder: Path):
        self._folder = folder_of(run_folder)
        self._writer: EventsWriter | None = None

    def start(self, rows: Sequence[Row]) -> None:
        """Put a file with these rows in the place of what there is."""
        self._writer = _only_file(self._folder)
        for row in rows:
            _add_row(self._writer, row)
        self._flush()

    def add(self, row: Row) -> None:
        """Add one row, for TensorBoard to show at once."""
        _add_row(self._writer, row)
        self._flush()

    def _flush(self) -> None:
        with disk.writing(self._folder):
            self._writer.flush()


def write_final(run_folder: Path, record: Record, rows: Sequence[Row]) -> None:
    """Put a file of all that a finished run has in the place of that of its losses.

    Its losses, accuracy against step where it was evaluated, and its settings with its
    final figures, for the page of hyper-parameters.

    Args:
      run_folder: `WORKDIR/runs/RUN_ID`.
      record: of the run.
      rows: of its `metrics.jsonl`, each with `step` and `loss`.
    """
    from tensorboardX.summary import hparams

    writer = _only_file(folder_of(run_folder))
    for row in rows:
        _add_row(writer, row)
    for row in record.get("learning_curve") or ():
        _add_estimate(writer, "evaluation/accuracy", row["accuracy"], row["step"])
    last = int(rows[-1]["step"]) if rows else 0
    final = dict(_figures(record))
    for tag, value in final.items():
        _add_estimate(writer, tag, value, last)
    means = {tag: value["mean"] for tag, value in final.items()}
    for summary in hparams(_settings(record), means):
        _add(writer, 0, summary)
    with disk.writing(folder_of(run_folder)):
        writer.close()


def _only_file(folder: Path) -> "EventsWriter":
    """A new event file in a folder, without those that were there."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    with disk.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.tfevents.*"):
            old.unlink()
        writer = EventsWriter(str(folder / "events"))
    begin = SessionLog(status=SessionLog.START)  # has a running TensorBoard forget
    writer.write_event(Event(wall_time=time.time(), step=0, session_log=begin))
    return writer


def _add_row(writer: "EventsWriter", row: Row) -> None:
    for name, value in row.items():
        if name != "step":
            _add_scalar(writer, f"distillation/{name}", value, row["step"])


def _add_estimate(writer: "EventsWriter", tag: str, value: Any, step: int) -> None:
    known = estimate(value)
    if known:
        low, high = known["ci"] or (None, None)
        _add_scalar(writer, tag, known["mean"], step)
        if low is not None and high is not None:
            _add_scalar(writer, f"{tag}/ci_low", low, step)
            _add_scalar(writer, f"{tag}/ci_high", high, step)


def _add_scalar(writer: "EventsWriter", tag: str, value: float, step: int) -> None:
    from tensorboardX.summary import scalar

    _add(writer, int(step), scalar(tag, float(value)))


def _add(writer: "EventsWriter", step: int, summary: Any) -> None:
    from tensorboardX.proto.event_pb2 import Event

    writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def _figures(record: Record) -> Iterator[tuple[str, dict]]:
    for name, figure in FIGURES.items():
        for pipe in PIPES:
            if known := estimate(figure(record, pipe)):
                yield f"final/{name}/{pipe}", known


def _settings(record: Record) -> dict[str, bool | float | str]:
    """What was run, in the kinds that TensorBoard has."""
    run = record["run"]
    found = {key: run.get(key) for key in (*KEYS, "seed")} | (run.get("config") or {})
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in found.items()
        if value is not None
    }
