"""The one Record that a path names: a run's folder, a file, or a work directory."""

import json
from pathlib import Path

from dd_jax import report
from dd_jax.report import records, run_folder
from dd_jax.report.schema import sound
from dd_jax.system.paths import IS_FILE, no_file, no_folder
from dd_jax.types import InputError, Record

OF_RUN = ("status.json", "record.json")


def named(path: Path, whole: bool = False) -> Record:
    """The Record at a path; warns of its damaged parts, which it is without.

    Args:
      path: of the folder of a run, of a `record.json`, of a `results.jsonl` with one
        Record, or of a work directory with one finished run.
      whole: refuse a Record with a damaged part.

    Raises:
      InputError: there is none, it cannot be read, or there are several.
    """
    why = no_folder(path)
    if why not in ("", IS_FILE):
        raise InputError(f"{path}: {why}; give a run, such as WORKDIR/runs/ID")
    read = _of_file if why else _of_run if _is_run(path) else _of_workdir
    record, damaged = read(path)
    if whole and damaged:
        raise InputError(damaged[0])
    report.warn(damaged)
    return record


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in OF_RUN)


def _of_run(folder: Path) -> tuple[Record, list[str]]:
    run = run_folder.read(folder.resolve())  # its name is that of the run
    if run.record is None:
        why = f"the run is {run.status}, without a Record"
        raise InputError(run.damaged[0] if run.damaged else f"{folder}: {why}")
    return run.record, run.damaged


def _of_workdir(folder: Path) -> tuple[Record, list[str]]:
    """That of the only finished run; of thousands no more than two are read."""
    found, damaged = [], []
    for run in run_folder.each(folder):
        damaged += run.damaged
        found += [run] if run.record else []
        if len(found) > 1:
            raise InputError(
                f"{folder}: has several finished runs; name one, such as "
                f"{found[0].folder}"
            )
    if not found:
        raise InputError(damaged[0] if damaged else f"{folder}: no finished run here")
    return found[0].record, damaged


def _of_file(path: Path) -> tuple[Record, list[str]]:
    if why := no_file(path):
        raise InputError(f"{path}: {why}; give a run, such as WORKDIR/runs/ID")
    if path.suffix not in (".jsonl", ".gz"):
        return _of_json(path)
    found, damaged = records.readable_lines(path)
    if not found:
        raise InputError(damaged[0] if damaged else f"{path}: holds no Record")
    if len(found) > 1:
        first = Path("WORKDIR/runs") / found[0]["run"]["id"]
        raise InputError(
            f"{path}: holds {len(found)} Records; name one run, such as {first}"
        )
    return found[0], damaged


def _of_json(path: Path) -> tuple[Record, list[str]]:
    if path.stat().st_size > run_folder.LARGEST_FILE:
        raise InputError(f"{path}: too large for a Record; give a record.json or a run")
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not JSON; give a record.json or a run") from None
    record, problems = sound(value, str(path))
    return record, [f"{problem}; part left out" for problem in problems]
