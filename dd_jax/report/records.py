"""Records on disk: read, check, and gather into `results.jsonl`."""

import gzip
import json
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dd_jax.report import run_folder
from dd_jax.report.schema import sound
from dd_jax.report.schema import validate as validate
from dd_jax.system import disk, locks
from dd_jax.system.paths import expanded, no_file
from dd_jax.types import InputError, Record


def read(workdir: str | Path) -> list[Record]:
    """Records of the finished runs of a work directory; damaged ones are left out.

    Args:
      workdir: the folder that holds `runs/RUN_ID/{status.json, record.json}`.

    Returns:
      Checked Records, by id.

    Raises:
      InputError: no runs in `workdir`.
    """
    return sorted(stream(workdir), key=lambda record: record["run"]["id"])


def stream(workdir: str | Path) -> Iterator[Record]:
    """The same Records by folder, one at a time: there may be thousands."""
    return (run.record for run in run_folder.each(workdir) if run.record)


def write_results(workdir: str | Path) -> Path:
    """Make `results.jsonl` hold one Record a line, by id; returns its path.

    A file that holds them already is not written again.
    """
    path = Path(workdir) / "results.jsonl"
    if not _holds(path, stream(workdir)):
        with locks.locked(path):  # no other process adds a line meanwhile
            disk.replace(path, map(_line, stream(workdir)))
    return path


def append_result(workdir: str | Path, record: Record) -> None:
    """Add the Record of a run to `results.jsonl`, unless another process has."""
    path = Path(workdir) / "results.jsonl"
    with locks.locked(path):
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


def readable_lines(path: str | Path) -> tuple[list[Record], list[str]]:
    """What can be read of a `results.jsonl` file, in file order.

    Args:
      path: of the file, or of one compressed by gzip, whose name ends in `.gz`.

    Returns:
      Checked Records, and what is wrong with each line, or part of one, left out.

    Raises:
      InputError: no such file, or it cannot be decompressed.
    """
    path = expanded(path)
    if why := no_file(path):
        raise InputError(f"{path}: {why}; give a work directory or a .jsonl")
    records, damaged = [], []
    for number, line in enumerate(content(path).splitlines(), 1):
        where = f"{path}:{number}"
        try:
            record, problems = sound(json.loads(line), where)
        except InputError as error:
            damaged.append(f"{error}; line left out")
        except UnicodeDecodeError:
            damaged.append(f"{where}: not UTF-8 text; need a Record")
        except (ValueError, RecursionError) as error:
            damaged.append(f"{where}: not JSON ({error}); need a Record")
        else:
            records.append(record)
            damaged += [f"{problem}; part left out" for problem in problems]
    return records, damaged


def content(path: Path) -> bytes:
    """The text of a file of Records, decompressed where its name ends in `.gz`.

    Raises:
      InputError: it cannot be decompressed.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        raise InputError(
            f"{path}: is not what gzip writes; compress it again"
        ) from None


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


def dotted(node: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings with dotted keys.

    >>> dict(dotted({"train": {"epochs": 9}}))
    {'train.epochs': 9}
    """
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{before}{key}.")
        else:
            yield before + key, value
