"""What a command line would do: its cells, how far they are, how long they take."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from dd_jax.executors.cells import Request, say_notes
from dd_jax.report import completed
from dd_jax.system import workdir
from dd_jax.system.progress import duration, say


def show(request: Request, started: Callable[[], ModuleType]) -> None:
    """Lists the cells, their run ids and how far they are.

    Args:
      request: what would be run.
      started: gives `dd_jax.run`; called where a cell's data can be read.
    """
    lines = [f"cells: {len(request.cells)}; results in {request.root}"]
    cells = []
    for config, label in zip(request.cells, request.labels):
        if config.data.source.startswith("tfds:"):  # reading it may download it
            lines.append(f"{label}  run id known once the data set is prepared")
            continue
        cell = started().prepared(config)
        cells.append(cell)
        progress = _progress(request.root, cell.id)
        lines.append(f"{label}  run {cell.id}  {progress}")
        if progress != "done" and cell.forecast:
            lines.append(cell.forecast)
    say("\n".join(lines))
    say_notes(cells)


def estimate(request: Request, run: ModuleType) -> None:
    """Measures a few steps of every stage and says how long the cells will take."""
    cells = [run.prepared(config) for config in request.cells]
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
