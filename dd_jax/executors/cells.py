"""Cells of a sweep: what is requested, and how each ends."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax.executors.time_plan import Plan
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError, tells_no_room
from dd_jax.system.locks import Busy
from dd_jax.system.one_line import error_line
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
      error: why it failed, was refused or found no room, as its status has it.
      left: seconds that the cells after it are expected to take, where that is known.
    """

    kind: str
    text: str
    ran: bool = False
    owner: str = ""
    error: str = ""
    left: float | None = None


_DOES_NOT_FIT, _WRITE_ERROR = "DoesNotFit: ", "WriteError: "  # as `error_line` writes
ALREADY_DONE = End("done", "already done")


def busy(owner: str) -> End:
    """The end of a cell that another process runs."""
    return End("busy", f"is being run by {owner}", owner=owner)


def failed(error: str, where: object = None, verb: str = "failed") -> End:
    """The end of a cell that failed, with the place that says more.

    >>> failed("KeyError: 'lr'", "runs/1").text
    "failed: KeyError: 'lr' (see runs/1)"
    """
    more = f" (see {where})" if where else ""
    return End("failed", f"{verb}: {error}{more}", ran=True, error=error)


def refused(why: str) -> End:
    """The end of a cell that does not fit in memory."""
    return End("refused", f"refused: {why}", ran=True, error=f"{_DOES_NOT_FIT}{why}")


def full(why: str) -> End:
    """The end of a cell that found no room on the disk."""
    return End("full", why, ran=True, error=f"{_WRITE_ERROR}{why}")


def read_back(error: str, where: object, verb: str) -> End:
    """How a cell ended that did not succeed, from the error in its status.

    >>> read_back("DoesNotFit: 20 GiB of 16", "", "failed").kind
    'refused'
    """
    if error.startswith(_DOES_NOT_FIT):
        return refused(error.removeprefix(_DOES_NOT_FIT))
    if error.startswith(_WRITE_ERROR) and tells_no_room(error):
        return full(error.removeprefix(_WRITE_ERROR))
    return failed(error, where, verb)


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
    except Busy as other:
        return busy(other.owner)
    except DoesNotFit as error:
        return refused(str(error))
    except Exception as error:
        if isinstance(error, WriteError) and error.no_room:
            return full(str(error))
        verb = "diverged" if isinstance(error, run.Diverged) else "failed"
        return failed(error_line(error), workdir.run_folder(root, cell.id), verb)
    return End("done", f"done in {duration(time.monotonic() - start)}", ran=True)


def say_busy(ends: Sequence[End]) -> None:
    """Says which processes run the cells that are being run elsewhere."""
    owners = [end.owner for end in ends if end.kind == "busy"]
    if owners:
        say(
            f"{len(owners)} of {len(ends)} are being run elsewhere, by "
            f"{', '.join(sorted({*owners}))}; run the same command again once they end"
        )


def say_notes(cells: Iterable[Any]) -> None:
    """Prints what loading changed in the data of prepared cells, a line each, once."""
    for note in dict.fromkeys(note for cell in cells for note in cell.notes):
        say(f"data: {note}")
