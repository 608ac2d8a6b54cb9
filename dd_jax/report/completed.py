"""Whether a run is finished: its status says so, and its files are as it left them."""

import os
from pathlib import Path

from dd_jax.report import records
from dd_jax.system import disk, workdir
from dd_jax.system.notice import notice
from dd_jax.types import InputError, Record

RECORD = "record.json"


def complete(folder: str | Path) -> None:
    """Mark a run as done, with digests of its Record and of all else in its folder."""
    left = sorted(path for path in Path(folder).iterdir() if not _passes(path.name))
    files = {path.name: disk.file_digest(path) for path in left}
    workdir.write_status(folder, "done", record=files.pop(RECORD), files=files)


def intact_record(folder: str | Path) -> Record | None:
    """The Record of a finished run; None where there is something left to run.

    A line says why a run that is marked as done does not count: its Record is missing,
    damaged or malformed, or a file was changed since. Files other than the Record may
    be deleted; a run that was done before there were digests is taken as it is.
    """
    folder = Path(folder)
    status = workdir.read_status(folder)
    if status and status["status"] == "damaged":
        notice(f"{status['error']}; the run resumes")
    if not status or status["status"] != "done":
        return None
    try:
        path = folder / RECORD
        if path.is_file() and not has_its_record(folder, status):
            raise InputError(f"{path}: was changed since the run was done")
        _check(folder, _files(folder, status))
        record = records.validate(workdir.read_json(path), str(path))
        if record["run"]["id"] != folder.absolute().name:
            raise InputError(f"{path}: is of run {record['run']['id']}")
        return record
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = str(error) if isinstance(error, InputError) else f"{folder}: {error!r}"
        notice(f"{why}; runs again")
        return None


def has_its_record(folder: Path, status: dict) -> bool:
    """Whether the Record of a run is there, and as its status says it was written."""
    path, digest = folder / RECORD, status.get("record_sha256")
    return path.is_file() and digest in (None, disk.file_digest(path))


def _files(folder: Path, status: dict) -> dict[str, str]:
    """Digests by the names of a finished run's files, as its status has them."""
    files = status.get("files", {})
    inside = isinstance(files, dict) and all(n and Path(n).name == n for n in files)
    if not inside:
        raise InputError(f"{folder / 'status.json'}: does not name files of this run")
    return files


def _check(folder: Path, files: dict[str, str]) -> None:
    """Refuses files that were changed; those that are gone are only named."""
    gone = [name for name in files if not os.path.exists(folder / name)]
    for name, digest in files.items():
        if name not in gone and disk.file_digest(folder / name) != digest:
            raise InputError(f"{folder / name}: was changed since the run was done")
    if gone:
        notice(f"{folder}: is done; deleted since: {', '.join(gone)}")


def _passes(name: str) -> bool:
    return name.startswith(".") or name in ("checkpoints", "status.json")
