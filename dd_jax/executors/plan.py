"""What a command line would do: its cells, how far they are, how long they take."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from dd_jax.executors import earlier, groups, time_plan
from dd_jax.executors.cells import Request, say_notes
from dd_jax.executors.prepare import prepare, prepare_at_hand
from dd_jax.report import completed
from dd_jax.system import workdir
from dd_jax.system.progress import duration, say
from dd_jax.types import Record

_LISTED = 50  # cells of a plan that have a line each


def show(request: Request, started: Callable[[], ModuleType], results: Path) -> None:
    """Lists the cells, their run ids and how far they are; of a sweep, what it takes.

    With a time budget, the plan for it comes first.

    Args:
      request: what would be run.
      started: gives `dd_jax.run`; called where a cell's data can be read.
      results: folder of Records, besides those of the work directory, that tell costs.

    Raises:
      InputError: all cells that cannot run.
    """
    cells = prepare_at_hand(request, started)
    states = {i: _progress(request.root, cell.id) for i, cell in cells.items()}
    if request.plan:
        say("\n".join(time_plan.described(request.plan)))
    say(f"cells: {len(request.cells)}; results in {request.root}")
    say("\n".join(_lines(request, cells, states)))
    if len(cells) > 1:
        left = [cells[i] for i in cells if states[i] != "done"]
        found = earlier.read(request.root, results)
        device = "" if request.elsewhere else started().device_kind()
        say("\n".join(_summary(left, found, device)))
    say_notes(cells.values())


def _lines(
    request: Request, cells: dict[int, Any], states: dict[int, str]
) -> Iterator[str]:
    """A line for each of the first cells, and one for the others."""
    for i, label in enumerate(request.labels[:_LISTED]):
        if i not in cells:
            yield f"{label}  run id known once the data set is prepared"
            continue
        yield f"{label}  run {cells[i].id}  {states[i]}"
        if states[i] != "done" and cells[i].forecast:
            yield cells[i].forecast
    more = range(_LISTED, len(request.cells))
    if more:
        counts = Counter(states.get(i, "not prepared") for i in more)
        words = ", ".join(f"{count} {state}" for state, count in counts.items())
        yield f"and {len(more)} more: {words}"


def _summary(left: Sequence[Any], found: list[Record], device: str) -> list[str]:
    """Groups, what is shared, and an estimate, of cells that are not done."""
    if not left:
        return ["all are done"]
    shared = [groups.shares_of(cell) for cell in left]
    spent = earlier.estimate([cell.config for cell in left], shared, found, device)
    return [*groups.described(shared), earlier.described(spent, len(left))]


def estimate(request: Request, run: ModuleType) -> None:
    """Measures a few steps of every stage and says how long the cells will take."""
    cells = prepare(request, run)
    states = [_progress(request.root, cell.id) for cell in cells]
    say_notes(cells)
    total = 0.0
    left = [cell for cell, state in zip(cells, states) if state != "done"]
    found = run.durations(left)
    for cell, label, state in zip(cells, request.labels, states):
        if state == "done":
            say(f"{label}  run {cell.id}  done")
            continue
        spent = next(found)
        total += sum(spent.values())
        parts = ", ".join(
            f"{stage.replace('_', ' ')} {duration(value)}"
            for stage, value in spent.items()
        )
        say(
            f"{label}  run {cell.id}  {state}  {duration(sum(spent.values()))}: {parts}"
        )
    audits = dict.fromkeys(name for cell in left for name in run.audits_of(cell))
    aside = f", without the audits {', '.join(audits)}" if audits else ""
    say(f"all: {duration(total)}{aside}")


def _progress(root: Path, run_id: str) -> str:
    folder = workdir.run_folder(root, run_id)
    row = workdir.read_status(folder)
    if row is None:
        return "new"
    if completed.intact_record(folder):
        return "done"
    return "damaged" if row["status"] == "done" else f"resumable ({row['status']})"
