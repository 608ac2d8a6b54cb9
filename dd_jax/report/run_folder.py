"""The folder of a run: its status, its Record, and which of the two are damaged."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.report.schema import sound
from dd_jax.report.shapes import Wrong, plain
from dd_jax.types import InputError, Record

STATES = ("running", "done", "failed", "diverged")
LARGEST_FILE = 2**26  # bytes of JSON; a Record has some 10 or 100 thousand


class Run(NamedTuple):
    """One folder under `runs/`.

    Attributes:
      folder: its path.
      status: one of `STATES`, or `damaged` where neither file tells.
      error: why there is no Record, where that is known.
      record: of a finished run, without damaged parts; None where it has none.
      damaged: what is wrong with `status.json` and `record.json`, a line each.
    """

    folder: Path
    status: str
    error: str | None
    record: Record | None
    damaged: list[str]


def each(workdir: str | Path) -> Iterator[Run]:
    """The runs of a work directory by name, one at a time: there may be thousands.

    A Record is accepted where its digest is the one that `status.json` holds (older
    runs have none) and where it is what a Record should be; a damaged one is left out
    and named. Of a Record with a damaged part the rest is kept.

    Args:
      workdir: the folder that holds `runs/RUN_ID/{status.json, record.json}`.

    Raises:
      InputError: no runs in `workdir`.
    """
    folders = sorted(
        {
            path.parent
            for name in ("status.json", "record.json")
            for path in Path(workdir).glob(f"runs/*/{name}")
        }
    )
    if not folders:
        raise InputError(
            f"{workdir}: no runs here; need a folder with runs/RUN_ID/status.json, "
            "as launch.py writes it"
        )
    return map(read, folders)


def read(folder: Path) -> Run:
    """One run; what is damaged is named, never raised."""
    damaged = []
    try:
        status = _status(folder / "status.json")
    except InputError as error:
        status = {"status": "damaged"}
        damaged.append(str(error))
    state, why = status["status"], status.get("error")
    if state not in ("done", "damaged"):
        return Run(folder, state, str(why) if why else None, None, damaged)
    record, path = None, folder / "record.json"
    try:
        if state == "done" or path.exists():
            record, problems = _record(path, status.get("record_sha256"))
            damaged += problems
    except InputError as error:
        damaged.append(str(error))
    if record is None:
        return Run(folder, "damaged", "; ".join(damaged), None, damaged)
    return Run(folder, "done", None, record, damaged)


def json_file(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
      InputError: it is missing, unreadable, no JSON in UTF-8, or nested too deeply.
    """
    value = _parsed(path, _bytes(path))
    try:
        plain(value)
    except Wrong as wrong:
        raise _damaged(path, wrong.problem) from None
    return value


def remedy(path: Path) -> str:
    """What helps where a file of a run is damaged."""
    return f"delete the folder {path.parent} and run its config again"


def _status(path: Path) -> dict:
    row = json_file(path)
    if not isinstance(row, dict) or row.get("status") not in STATES:
        raise _damaged(path, f"does not say which of {STATES} the run is")
    return row


def _record(path: Path, digest: Any) -> tuple[Record, list[str]]:
    content = _bytes(path)
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(path, "is not what the run wrote: its digest differs")
    try:
        record, problems = sound(_parsed(path, content), str(path))
    except InputError as error:
        if str(error).endswith(_end(path)):
            raise
        raise InputError(f"{error}{_end(path)}") from None
    if record["run"]["id"] != path.parent.name:  # a copy would count as a second run
        raise _damaged(path, f"is of run {record['run']['id']!r}")
    return record, [f"{problem}; left out{_end(path)}" for problem in problems]


def _bytes(path: Path) -> bytes:
    try:
        if not path.exists():
            raise _damaged(path, "is missing")
        if not path.is_file():
            raise _damaged(path, "is no file")
        if path.stat().st_size > LARGEST_FILE:
            raise _damaged(path, f"is larger than {LARGEST_FILE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None


def _parsed(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is damaged ({_reason(error)})") from None


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"no UTF-8 at byte {error.start}"
    return f"no JSON: {error}"


def _damaged(path: Path, problem: str) -> InputError:
    return InputError(f"{path}: {problem}{_end(path)}")


def _end(path: Path) -> str:
    return f"; {remedy(path)}"
