"""Rounds over the cells of a sweep: those of other launchers are looked at again."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dd_jax.executors.cells import ALREADY_DONE, End
from dd_jax.report import completed
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.notice import notice
from dd_jax.system.progress import duration, say

RunSome = Callable[[Sequence[int]], Iterator[tuple[int, End]]]


def sorted_out(
    numbers: Sequence[int], folders: Sequence[Path]
) -> tuple[list[int], list[int]]:
    """Cells that are finished, and those that are left, by their runs' folders."""
    done = [i for i in numbers if completed.intact_record(folders[i])]
    return done, sorted({*numbers} - {*done})


def in_rounds(
    folders: Sequence[Path],
    labels: Sequence[str],
    run_some: RunSome,
    at_once: int = 1,
) -> list[End]:
    """Runs all cells; says how each ends, and the time that is left.

    Cells that other launchers run are tried again once the others have ended, as long
    as their number falls.

    Args:
      folders: of their runs.
      labels: of the cells.
      run_some: runs the cells of these numbers and yields each with its end.
      at_once: how many it runs at the same time.

    Returns:
      How each ended.

    Raises:
      WriteError: the disk is full; the cells that are left are not started.
    """
    skips = [(workdir.read_status(f) or {}).get("status") == "done" for f in folders]
    ends: dict[int, End] = {}
    ran, start = 0, time.monotonic()
    todo: Sequence[int] = range(len(folders))
    while todo:
        pending = {i for i in todo if not skips[i]}
        for i, end in run_some(todo):
            if end.kind == "full":
                raise WriteError(errno.ENOSPC, f"{labels[i]}: {end.text}")
            if end == ALREADY_DONE and i in ends:
                end = end._replace(text=f"done by {ends[i].owner}")
            ends[i] = end
            pending.discard(i)
            ran += end.ran
            each = (time.monotonic() - start) / max(ran, at_once)
            left = len(pending) * each if end.left is None else end.left
            eta = f", ETA {duration(left)}" if ran and pending and end.left != 0 else ""
            line = f"{labels[i]} ... {end.text}{eta}"
            notice(line) if end.kind in ("failed", "refused") else say(line)
        busy = [i for i in todo if ends[i].kind == "busy"]
        todo = busy if len(busy) < len(todo) else []
    return [ends[i] for i in range(len(folders))]
