"""The run folder: atomic files, status, metric rows and provenance; no jax."""

import io
import json
import math
import os
import platform
import subprocess
import traceback
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dd_jax.types import InputError

Status = Literal["running", "done", "failed", "diverged"]

PACKAGES = ("dd_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def run_dir(workdir: str | Path, run_id: str) -> Path:
    """`WORKDIR/runs/RUN_ID`, the folder that holds all of one run."""
    return Path(workdir) / "runs" / run_id


def write_json(path: str | Path, obj: Any) -> None:
    """Write `obj` as strict JSON so that a reader sees the old file or the new one.

    A temporary file in the same folder is written, flushed to disk and renamed; parent
    folders are made. Arrays become lists; a number that is not finite becomes null.
    """
    text = json.dumps(_plain(obj), indent=1, allow_nan=False) + "\n"
    _replace(Path(path), text.encode())


def write_npz(path: str | Path, **arrays: Any) -> None:
    """Write arrays as an `.npz` file that appears whole or not at all, as JSON does.

    The same arrays give the same bytes.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    _replace(Path(path), buffer.getvalue())


def write_tree(path: str | Path, tree: Any) -> None:
    """Write dicts and lists of arrays and plain values as `.npz`, whole or not at all.

    The arrays as they are, and the rest as JSON, in which `{"array": i}` stands for the
    i-th of them. `read_tree` gives it back, in its order.
    """
    arrays: list[np.ndarray] = []

    def aside(array: Any) -> dict[str, int]:
        arrays.append(np.asarray(array))
        return {"array": len(arrays) - 1}

    text = json.dumps(tree, default=aside)
    write_npz(path, tree=text, **{str(i): array for i, array in enumerate(arrays)})


def read_tree(path: str | Path) -> Any:
    """Read what `write_tree` wrote.

    Raises:
      InputError: it is damaged.
    """
    try:
        with np.load(path) as file:
            found = dict(file)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged ({error}); delete it") from None
    back = lambda node: found[str(node["array"])] if [*node] == ["array"] else node
    return json.loads(str(found["tree"]), object_hook=back)


def read_json(path: str | Path) -> Any:
    """Read one JSON file.

    Raises:
      InputError: it is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error}); delete it") from None


def write_status(
    run_dir: str | Path, status: Status, error: BaseException | str | None = None
) -> None:
    """Record how far a run is in its `status.json`.

    Args:
      run_dir: folder of the run.
      status: `running`, `done`, `failed` or `diverged`.
      error: why; an exception leaves its traceback as well.
    """
    row: dict[str, str | None] = {"status": status, "error": None}
    if isinstance(error, BaseException):
        row["error"] = f"{type(error).__name__}: {error}"
        row["traceback"] = "".join(traceback.format_exception(error))
    elif error is not None:
        row["error"] = error
    write_json(Path(run_dir) / "status.json", row)


def read_status(run_dir: str | Path) -> dict[str, Any] | None:
    """What `write_status` wrote last, `{status, error}`; None for a new run."""
    path = Path(run_dir) / "status.json"
    return read_json(path) if path.exists() else None


def append_jsonl(path: str | Path, row: dict[str, Any]) -> None:
    """Add one row, on one line, at the end of a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(_plain(row), allow_nan=False) + "\n")


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """All rows of a file; a last line cut off by a kill is left out.

    Raises:
      InputError: a line before the last is not JSON.
    """
    path = Path(path)
    lines = path.read_text().splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise InputError(f"{path}: line {number} is not JSON") from None
    return rows


def truncate_jsonl(path: str | Path, last_step: int) -> None:
    """Drop rows with `step > last_step` and a torn last line, before resuming.

    A run that goes on after `last_step` then writes each row once.
    """
    rows = [row for row in read_jsonl(path) if row["step"] <= last_step]
    if Path(path).exists():
        lines = (json.dumps(row) + "\n" for row in rows)
        _replace(Path(path), "".join(lines).encode())


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


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
