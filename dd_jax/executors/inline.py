"""Cells one after another, in this process."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import End
from dd_jax.executors.rounds import in_rounds
from dd_jax.system.progress import say


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

    def run_some(numbers: Sequence[int]) -> Iterator[tuple[int, End]]:
        for i in numbers:
            say(labels[i])
            yield i, attempt(cells[i], root)

    return in_rounds(cells, labels, root, run_some)
