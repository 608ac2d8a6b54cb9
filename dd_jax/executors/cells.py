"""Cells of a sweep: what is requested, and how each ends."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax.executors.time_plan import Plan
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.locks import Busy
from dd_jax.system.progress import duration, say
from dd_jax.types import DoesNotFit, Record


class Request(NamedTuple):
    """What a command line wants to be run.

    Attributes:
      cells: valid configs.
      labels: of them, `[NUMBER/COUNT] KEY=VALUE ...`.
      root: the work directory.
      keys: dotted config keys that the command line gives or the sweep varies.
      plan: what fits into `budget_minutes`, where there is such a budget.
      elsewhere: whether other machines than this run the cells.
    """

    cells: list[ConfigDict]
    labels: list[str]
    root: Path
    keys: tuple[str, ...] = ()
    plan: Plan | None = None
    elsewhere: bool = False


class End(NamedTuple):
    """How a cell ended.

    Attributes:
      kind: `done`, `failed`, `refused` (it does not fit in memory), `full` (the disk
        is, for all other cells too) or `busy`: another process runs it.
      text: the same, as printed.
      ran: whether this launcher ran it.
      owner: the process that runs a busy one, `PID on HOST`.
      left: seconds that the cells after it are expected to take, where that is known.
    """

    kind: str
    text: str
    ran: bool = False
    owner: str = ""
    left: float | None = None


ALREADY_DONE = End("done", "already done")


def attempt(
    run: ModuleType, keep: Callable[[Path, Record], None], cell: Any, root: Path
) -> End:
    """Runs one prepared cell unless it is finished.

    Args:
      run: `dd_jax.run`, or what has its names.
      keep: adds the Record to the results of a work directory.
      cell: what `run.prepared` gave.
      root: the work directory.
    """
    start = time.monotonic()
    try:
        if run.record_of(cell.id, root):
            return ALREADY_DONE
        if cell.forecast:
            say(cell.forecast)
        keep(root, run.run(cell, root))
    except Busy as busy:
        return End("busy", f"is being run by {busy.owner}", owner=busy.owner)
    except DoesNotFit as error:
        return End("refused", f"refused: {error}", ran=True)
    except Exception as error:
        if isinstance(error, WriteError) and error.no_room:
            return End("full", str(error), ran=True)
        verb = "diverged" if isinstance(error, run.Diverged) else "failed"
        why = f"{verb}: {type(error).__name__}: {' '.join(str(error).split())}"
        return End(
            "failed", f"{why} (see {workdir.run_folder(root, cell.id)})", ran=True
        )
    return End("done", f"done in {duration(time.monotonic() - start)}", ran=True)


def say_busy(ends: Sequence[End]) -> None:
    """Says which processes run the cells that are being run elsewhere."""
    busy = [end.owner for end in ends if end.kind == "busy"]
    if busy:
        say(
            f"{len(busy)} of {len(ends)} are being run elsewhere, by "
            f"{', '.join(sorted(set(busy)))}; run the same command again once they end"
        )


def say_notes(cells: Iterable[Any]) -> None:
    """Prints what loading changed in the data of prepared cells, a line each, once."""
    for note in dict.fromkeys(note for cell in cells for note in cell.notes):
        say(f"data: {note}")
