"""The run folder: atomic files, status, metric rows and provenance; no jax."""

import hashlib
import io
import json
import math
import platform
import subprocess
import traceback
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dd_jax.system import disk
from dd_jax.system.archive import read_npz
from dd_jax.system.one_line import one_line
from dd_jax.system.paths import no_file
from dd_jax.types import InputError

Status = Literal["running", "done", "failed", "diverged"]

PACKAGES = ("dd_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def run_folder(workdir: str | Path, run_id: str) -> Path:
    """`WORKDIR/runs/RUN_ID`, the folder that holds all of one run."""
    return Path(workdir) / "runs" / run_id


def write_json(path: str | Path, obj: Any) -> None:
    """Write `obj` as strict JSON, whole or not at all; see `disk.replace`.

    Arrays become lists; a number that is not finite becomes null.
    """
    text = json.dumps(_plain(obj), indent=1, allow_nan=False) + "\n"
    disk.replace(path, text.encode())


def write_npz(path: str | Path, **arrays: Any) -> None:
    """Write arrays as an `.npz` file that appears whole or not at all, as JSON does.

    The same arrays give the same bytes.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    disk.replace(path, buffer.getvalue())


def write_tree(path: str | Path, tree: Any) -> None:
    """Write dicts and lists of arrays and plain values as `.npz`, whole or not at all.

    The arrays as they are, and the rest as JSON, in which `{"array": i}` is the i-th
    of them, and a digest of all. `read_tree` gives it back, in its order.
    """
    arrays: list[np.ndarray] = []

    def aside(array: Any) -> dict[str, int]:
        arrays.append(np.asarray(array))
        return {"array": len(arrays) - 1}

    text = json.dumps(tree, default=aside)
    named = {str(i): array for i, array in enumerate(arrays)}
    write_npz(path, tree=text, digest=_tree_digest(text, named), **named)


def read_tree(path: str | Path) -> Any:
    """Read what `write_tree` wrote.

    Raises:
      InputError: it is damaged.
    """
    try:
        found = read_npz(path)
        text, digest = str(found.pop("tree")), str(found.pop("digest"))
        if digest != _tree_digest(text, found):
            raise ValueError("it was changed since it was written")
        back = lambda node: found[str(node["array"])] if [*node] == ["array"] else node
        return json.loads(text, object_hook=back)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise InputError(f"{path}: damaged ({one_line(error)})") from None


def _tree_digest(text: str, arrays: dict[str, np.ndarray]) -> str:
    hashed = hashlib.sha256(text.encode())
    for name, array in arrays.items():
        hashed.update(f"{name} {array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def read_json(path: str | Path) -> Any:
    """Read one JSON file.

    Raises:
      InputError: it is missing, no regular file, or not JSON.
    """
    if why := no_file(path):
        raise InputError(f"{path}: {why}")
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error}); delete it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def write_start(folder: str | Path, settings: str) -> None:
    """Record that a run starts: its config, as JSON, and that it is running."""
    write_json(Path(folder) / "config.json", json.loads(settings))
    write_status(folder, "running")


def write_status(
    folder: str | Path,
    status: Status,
    error: BaseException | str | None = None,
    record: str | None = None,
    files: dict[str, str] | None = None,
) -> None:
    """Record how far a run is in its `status.json`.

    Args:
      folder: folder of the run.
      status: `running`, `done`, `failed` or `diverged`.
      error: why; an exception leaves its traceback as well.
      record: digest of the Record of a finished run.
      files: digests of its other files, by name.
    """
    row: dict[str, Any] = {"status": status, "error": None}
    if isinstance(error, BaseException):
        row["error"] = f"{type(error).__name__}: {error}"
        row["traceback"] = "".join(traceback.format_exception(error))
    elif error is not None:
        row["error"] = error
    if record is not None:
        row |= {"record_sha256": record, "files": files}
    write_json(Path(folder) / "status.json", row)


def read_status(folder: str | Path) -> dict[str, Any] | None:
    """What `write_status` wrote last, `{status, error, ...}`; None for a new run.

    Of a file that is damaged the status is `damaged`, and the error says how.
    """
    path = Path(folder) / "status.json"
    if not path.exists():
        return None
    try:
        row = read_json(path)
    except InputError as error:
        return {"status": "damaged", "error": str(error)}
    if not isinstance(row, dict) or not isinstance(row.get("status"), str):
        return {"status": "damaged", "error": f"{path}: has no status in it"}
    return {"error": None} | row


def json_line(row: Any) -> bytes:
    """One row of a JSON lines file."""
    return (json.dumps(_plain(row), allow_nan=False) + "\n").encode()


def append_jsonl(path: str | Path, row: dict[str, Any]) -> None:
    """Add one row, on one line, at the end of a file."""
    disk.append(path, json_line(row))


def write_jsonl(path: str | Path, rows: Iterable[dict[str, Any]]) -> None:
    """Make a file hold these rows and no others; a new file of no rows is not made."""
    path, content = Path(path), b"".join(map(json_line, rows))
    new = not path.exists() and not content
    if not new and (no_file(path) or path.read_bytes() != content):
        disk.replace(path, content)


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """All rows of a file; a last line cut off by a kill is left out.

    Raises:
      InputError: a line before the last is not JSON.
    """
    path = Path(path)
    lines = path.read_bytes().splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise InputError(f"{path}: line {number} is not JSON") from None
    return rows


def provenance() -> dict[str, Any]:
    """Where numbers come from: `{commit, dirty, versions}`.

    `commit` is None where the package is not in a git checkout; `dirty` tells whether
    that checkout has changes that no commit holds.
    """
    commit = _git("rev-parse", "HEAD") if _git("ls-files", "__init__.py") else None
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    tracked = _git("status", "--porcelain", "--untracked-files=no")
    ours = _git("status", "--porcelain", "--", ".")  # new files elsewhere are results
    dirty = bool(tracked or ours) if commit else None
    return {"commit": commit, "dirty": dirty, "versions": versions}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _plain(obj: Any) -> Any:
    if isinstance(obj, dict):
        return {str(key): _plain(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [_plain(value) for value in obj]
    if hasattr(obj, "tolist"):
        return _plain(obj.tolist())
    if isinstance(obj, float) and not math.isfinite(obj):
        return None
    return str(obj) if isinstance(obj, Path) else obj
