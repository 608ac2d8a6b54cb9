"""The one run that cards are made of, from where a user says it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.report import records, run_folder
from dd_jax.report.schema import validate
from dd_jax.types import InputError, Record


class SingleRun(NamedTuple):
    """A Record, and the whole config where the folder of its run has it."""

    record: Record
    config: Mapping[str, Any]


def read(path: Path) -> SingleRun:
    """The run of a work directory, of a run's folder, or of a file.

    Args:
      path: a folder with `runs/RUN_ID/` or with `record.json`, a `record.json`, or a
        `results.jsonl`.

    Raises:
      InputError: damaged, or of several runs.
    """
    if (path / "record.json").is_file():
        return _of_folder(run_folder.read(path.absolute()))
    if path.is_dir():
        runs = list(run_folder.each(path))
        ids = [run.folder.name for run in runs if run.record]
        damaged = [line for run in runs for line in run.damaged]
        _only(path, ids, damaged)
        return _of_folder(next(run for run in runs if run.record))
    if path.suffix == ".json":
        return SingleRun(validate(run_folder.json_file(path), str(path)), {})
    found, damaged = records.readable_lines(path)
    _only(path, [record["run"]["id"] for record in found], damaged)
    return SingleRun(found[0], {})


def _of_folder(run: run_folder.Run) -> SingleRun:
    if run.record is None or run.damaged:
        why = run.error or "; ".join(run.damaged) or f"is {run.status}"
        raise InputError(f"{run.folder}: no Record of a finished run ({why})")
    path = run.folder / "config.json"
    config = run_folder.json_file(path) if path.is_file() else {}
    return SingleRun(run.record, config if isinstance(config, dict) else {})


def _only(path: Path, ids: Sequence[str], damaged: Sequence[str]) -> None:
    """Refuses what is not of exactly one run."""
    if damaged:
        raise InputError(damaged[0])
    if not ids:
        raise InputError(f"{path}: no finished run here; cards are of one")
    if len(ids) > 1:
        raise InputError(
            f"{path}: has {len(ids)} runs, and cards are of one; give the folder of a "
            f"run, such as runs/{ids[0]}, or its record.json"
        )
