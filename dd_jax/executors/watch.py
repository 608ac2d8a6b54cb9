"""A watcher: a line for each cell, redrawn on a terminal, else written each minute."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dd_jax.executors.seen import Seen, line, look, summary, typical_seconds
from dd_jax.system.progress import say

_REDRAWN = 2.0  # seconds
_BETWEEN_LINES = 60.0
_FIRST = ("running", "failed", "diverged", "damaged", "interrupted", "done", "new")


class Watcher:
    """Shows a sweep; all that it knows it reads from the folders of the runs."""

    def __init__(self, folders: Sequence[Path], labels: Sequence[str]):
        """Watches the runs of some folders."""
        self._folders, self._labels = folders, labels
        self._ended: dict[int, Seen] = {}  # runs whose files do not change any more
        self._drawn, self._last = 0, time.monotonic()

    def show(self) -> None:
        """Draws, or writes, where it is time to."""
        terminal = sys.stdout.isatty()
        now = time.monotonic()
        if now - self._last < (_REDRAWN if terminal else _BETWEEN_LINES):
            return
        self._last = now
        seen = [self._look(i) for i in range(len(self._folders))]
        size = shutil.get_terminal_size()
        if terminal:
            shown = _lines(self._labels, seen, lambda s: True)[: size.lines - 3]
            shown = [text[: size.columns - 1] for text in [*shown, summary(seen)]]
            self.clear()
            print("\n".join(shown), flush=True)
            self._drawn = len(shown)
        else:
            going = _lines(self._labels, seen, lambda s: s.kind == "running")
            say("\n".join([*going, summary(seen)]))

    def clear(self) -> None:
        """Removes what is drawn, before other lines are printed."""
        if self._drawn:
            print(f"\x1b[{self._drawn}A\x1b[J", end="", flush=True)
            self._drawn = 0

    def _look(self, i: int) -> Seen:
        found = self._ended.get(i) or look(self._folders[i])
        if found.kind == "done":
            self._ended[i] = found
        return found


def show_once(folders: Sequence[Path | None], labels: Sequence[str]) -> None:
    """Prints a line for each cell in their order, and one for all.

    Args:
      folders: of the runs; None for a cell that was not started.
      labels: of the cells.
    """
    seen = [look(folder) for folder in folders]
    typical = typical_seconds(seen)
    lines = [line(label, s, typical) for label, s in zip(labels, seen)]
    say("\n".join([*lines, summary(seen)]))


def _lines(
    labels: Sequence[str], seen: list[Seen], wanted: Callable[[Seen], bool]
) -> list[str]:
    """Lines of cells, those that are running first."""
    typical = typical_seconds(seen)
    order = sorted(range(len(seen)), key=lambda i: _FIRST.index(seen[i].kind))
    return [line(labels[i], seen[i], typical) for i in order if wanted(seen[i])]
