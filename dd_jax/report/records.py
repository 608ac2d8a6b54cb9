"""Records on disk: read, check, and gather into `results.jsonl`."""

import json
import math
import mmap
import os
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dd_jax import disk, locks
from dd_jax.types import InputError, Record

PIPES = ("distilled", "random_subset", "full_data")
RUN_KEYS = ("id", "method", "dataset", "arch", "ipc", "init", "num_classes")
BY_PIPE = ("accuracy", "fairness", "privacy", "robustness")


def read(workdir: str | Path) -> list[Record]:
    """Records of the finished runs of a work directory.

    Args:
      workdir: the folder that holds `runs/RUN_ID/{status.json, record.json}`.

    Returns:
      Checked Records, by id.

    Raises:
      InputError: no runs in `workdir`, or a malformed Record.
    """
    records = [
        validate(_json(run / "record.json"), str(run / "record.json"))
        for run in _runs(workdir)
        if _status(run)["status"] == "done"
    ]
    return sorted(records, key=lambda record: record["run"]["id"])


def unfinished(workdir: str | Path) -> list[dict]:
    """Runs without a Record: `[{id, status, error}]`, by id.

    `status` is `running` (at work or killed), `failed` or `diverged`.
    """
    rows = [{"id": run.name, "error": None} | _status(run) for run in _runs(workdir)]
    return [row for row in rows if row["status"] != "done"]


def write_results(workdir: str | Path) -> Path:
    """Makes `results.jsonl` hold one Record a line, by id; returns its path.

    A file that holds them already is left alone.
    """
    path = Path(workdir) / "results.jsonl"
    if not _holds(path, read(workdir)):
        with locks.in_turn(path):  # nobody adds a line meanwhile
            disk.replace(path, map(_line, read(workdir)))
    return path


def append_result(workdir: str | Path, record: Record) -> None:
    """Adds the Record of a run to `results.jsonl`, unless another process has."""
    path = Path(workdir) / "results.jsonl"
    with locks.in_turn(path):
        if path.is_file():
            disk.cut_torn_line(path)
            if _names(path, record["run"]["id"]):
                return
        disk.append(path, _line(record), flush=True)


def _line(record: Record) -> bytes:
    return (json.dumps(record, allow_nan=False) + "\n").encode()


def _holds(path: Path, found: Iterable[Record]) -> bool:
    """Whether a file consists of just these Records."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return all(a == b for a, b in zip_longest(file, map(_line, found)))


def _names(path: Path, run_id: str) -> bool:
    """Whether a file has a Record of the run; fast also where there are thousands."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(f'"run": {{"id": "{run_id}"'.encode()) >= 0


def load_results(path: str | Path) -> list[Record]:
    """Checked Records of a `results.jsonl` file, in file order.

    Raises:
      InputError: no such file, a line that is not JSON, or a malformed Record.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a work directory or a .jsonl")
    records = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path}:{number}"
        try:
            records.append(validate(json.loads(line), where))
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: not JSON ({error}); need a Record") from None
    return records


def validate(record: Any, where: str = "record") -> Record:
    """Light schema check of one Record; returns it.

    Holds the keys that every table needs, the pipeline names, accuracies in [0, 1],
    and numbers that are finite (what was not measured is null, never NaN).

    Args:
      record: parsed JSON.
      where: what to call it in the message.

    Raises:
      InputError: the first thing wrong, by its path in the Record.
    """
    if not isinstance(record, dict) or not isinstance(record.get("run"), dict):
        raise InputError(f"{where}: no `run` part; need a Record with run.id and so on")
    if missing := [key for key in RUN_KEYS if key not in record["run"]]:
        raise InputError(f"{where}: run.{missing[0]} is missing; need {RUN_KEYS}")
    for part in BY_PIPE:
        if unknown := set(record.get(part) or {}) - set(PIPES):
            raise InputError(f"{where}: {part}.{min(unknown)} is unknown; use {PIPES}")
    for pipe in PIPES:
        value = estimate(lookup(record, "accuracy", pipe))
        if value and not 0 <= value["mean"] <= 1:
            raise InputError(
                f"{where}: accuracy.{pipe}.mean is {value['mean']}; need a fraction"
            )
    for path, number in _numbers(record):
        if not math.isfinite(number):
            raise InputError(f"{where}: {path} is {number}; need a number or null")
    return record


def lookup(record: Any, *path: str) -> Any:
    """Value at a path of nested keys, None where any part is absent.

    >>> lookup({"run": {"ipc": 10}}, "run", "ipc"), lookup({}, "run", "ipc")
    (10, None)
    """
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def estimate(value: Any) -> dict | None:
    """`{mean, ci, n}` of an estimate or a bare number; None if absent or unresolved.

    >>> estimate(0.5)
    {'mean': 0.5, 'ci': None, 'n': None}
    >>> estimate({"mean": 0.2, "ci": [0.1, 0.3], "resolved": False}) is None
    True
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = {"mean": value}
    if not isinstance(value, dict) or value.get("resolved") is False:
        return None
    if value.get("mean") is None:
        return None
    ci = value.get("ci")
    ci = None if not ci or None in ci else list(ci)
    return {"mean": value["mean"], "ci": ci, "n": value.get("n")}


def _runs(workdir: str | Path) -> list[Path]:
    runs = sorted(path.parent for path in Path(workdir).glob("runs/*/status.json"))
    if not runs:
        raise InputError(
            f"{workdir}: no runs here; need a folder with runs/RUN_ID/status.json, "
            "as launch.py writes it"
        )
    return runs


def _status(run: Path) -> dict:
    return {"id": run.name, "status": "running"} | _json(run / "status.json")


def _json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: unreadable ({error}); need a JSON object") from None


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield path.lstrip("."), value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{path}[{index}]")
