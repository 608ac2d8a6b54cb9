"""Cells one after another, in this process."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import End
from dd_jax.system import workdir
from dd_jax.system.notice import notice
from dd_jax.system.progress import duration, say


def run_in_turn(
    cells: Sequence[Any],
    labels: Sequence[str],
    root: Path,
    attempt: Callable[[Any, Path], End],
) -> list[End]:
    """Runs cells in order; those of other launchers are checked again at the end.

    Args:
      cells: prepared, each with its run `id`.
      labels: of the cells.
      root: the work directory.
      attempt: runs one of them.

    Returns:
      How each ended.
    """
    folders = [workdir.run_folder(root, cell.id) for cell in cells]
    skips = [(workdir.read_status(f) or {}).get("status") == "done" for f in folders]
    ends: dict[int, End] = {}
    seconds: list[float] = []
    todo = range(len(cells))
    while todo:
        for i in todo:
            label, start = labels[i], time.monotonic()
            say(label)
            before, end = ends.get(i), attempt(cells[i], root)
            if end.text == "already done" and before:
                end = end._replace(text=f"done by {before.owner}")
            ends[i] = end
            if end.ran:
                seconds.append(time.monotonic() - start)
            eta = _eta(seconds, sum(j > i and not skips[j] for j in todo))
            line = f"{label} ... {end.text}{eta}"
            notice(line) if end.kind in ("failed", "refused") else say(line)
        busy = [i for i in todo if ends[i].kind == "busy"]
        todo = busy if len(busy) < len(todo) else []
    return [ends[i] for i in range(len(cells))]


def _eta(seconds: list[float], left: int) -> str:
    if not seconds or left <= 0:
        return ""
    return f", ETA {duration(left * sum(seconds) / len(seconds))}"
