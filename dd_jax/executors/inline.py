"""Cells one after another, in this process; some take their steps together."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import End
from dd_jax.executors.joint_steps import Together, blocks
from dd_jax.executors.rounds import in_rounds, sorted_out
from dd_jax.system import workdir
from dd_jax.system.progress import say


def run_in_turn(
    cells: Sequence[Any],
    labels: Sequence[str],
    root: Path,
    attempt: Callable[[Any, Path], End],
    together: Together,
) -> list[End]:
    """Runs cells in order; those of other launchers are checked again at the end.

    Args:
      cells: prepared, each with its run `id`.
      labels: of the cells.
      root: the work directory.
      attempt: runs one of them.
      together: how neighbours that share programs take their steps.

    Returns:
      How each ended.
    """
    folders = [workdir.run_folder(root, cell.id) for cell in cells]

    def take(block: Sequence[int]) -> None:
        _, left = sorted_out(block, folders)
        if len(left) > 1:
            say(f"together: {'; '.join(labels[i] for i in left)}")
            together.take([cells[i] for i in left], root)

    def run_some(numbers: Sequence[int]) -> Iterator[tuple[int, End]]:
        for block in blocks(numbers, cells, together.at_once):
            if len(block) > 1:
                take(block)
            for i in block:
                say(labels[i])
                yield i, attempt(cells[i], root)

    return in_rounds(folders, labels, run_some)
