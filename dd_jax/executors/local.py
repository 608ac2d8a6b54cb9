"""Cells side by side: several worker processes on this machine."""

import os
import selectors
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import ALREADY_DONE, End, failed
from dd_jax.executors.lost import how_ended, record_loss
from dd_jax.executors.rounds import in_rounds, sorted_out
from dd_jax.executors.shares import Share
from dd_jax.executors.watch import Watcher
from dd_jax.executors.worker import answered, sent, start
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.locks import Busy

_LOOK = 1.0  # seconds between two looks at the runs
_PATIENCE = 20.0  # seconds in which a worker that is stopped has to end


class Pool:
    """Workers, each with its share of the machine; one that died is started again."""

    def __init__(self, command: list[str], shares: Sequence[Share], logs: Path):
        """Starts none yet; see `send`."""
        self._command, self._shares, self._logs = command, shares, logs
        self._workers: dict[int, subprocess.Popen] = {}
        self._running: dict[int, int] = {}  # slot of a worker -> number of its cell
        self._selector = selectors.DefaultSelector()

    def idle(self) -> list[int]:
        """Slots whose worker has no cell."""
        return [i for i in range(len(self._shares)) if i not in self._running]

    def send(self, slot: int, number: int, run_id: str) -> None:
        """Has the worker of a slot run a cell; starts it first where need be."""
        self._running[slot] = number
        worker = self._workers.get(slot)
        if worker and worker.poll() is not None:  # it died without a cell
            self._lose(slot)
            worker = None
        worker = worker or self._start(slot)
        with suppress(BrokenPipeError):  # it died; `ends` finds that
            worker.stdin.write(sent(number, run_id))
            worker.stdin.flush()

    def log(self, slot: int) -> Path:
        """The file with what the worker of a slot says."""
        return self._logs / f"worker-{slot}.log"

    def ends(self, seconds: float) -> Iterator[tuple[int, End]]:
        """Numbers of cells that ended within some seconds, and how."""
        for key, _ in self._selector.select(seconds):
            slot, worker = key.data, self._workers[key.data]
            number = self._running.pop(slot, None)
            try:
                end = answered(worker.stdout.readline())
            except ValueError:
                end = self._lose(slot)
            if number is not None:
                yield number, end

    def stop(self) -> None:
        """Ends idle workers and stops the others; what they have saved stays."""
        for slot, worker in self._workers.items():
            with suppress(BrokenPipeError):
                worker.stdin.close()
            if slot in self._running:
                worker.terminate()
        for worker in self._workers.values():
            try:
                worker.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            worker.stdout.close()
        self._selector.close()

    def _start(self, slot: int) -> subprocess.Popen:
        share = self._shares[slot]
        worker = start(self._command, self.log(slot), os.environ | share.env)
        if hasattr(os, "sched_setaffinity"):
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(worker.pid, share.cores)
        self._workers[slot] = worker
        self._selector.register(worker.stdout, selectors.EVENT_READ, slot)
        return worker

    def _lose(self, slot: int) -> End:
        worker = self._workers.pop(slot)
        self._selector.unregister(worker.stdout)
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.stdout.close()
        how = how_ended(worker.wait(), "lower --workers")
        return failed(f"worker {worker.pid} {how} (see {self.log(slot)})")


@contextmanager
def _stopped(pool: Pool) -> Iterator[Pool]:
    try:
        yield pool
    finally:
        pool.stop()


def run_side_by_side(
    cells: Sequence[Any],
    labels: Sequence[str],
    root: Path,
    command: list[str],
    shares: Sequence[Share],
) -> list[End]:
    """Runs cells in as many processes as there are shares of the machine.

    Each process takes a block of neighbouring cells, which share compiled programs and
    baselines, then cells of the longest block that is left.

    Args:
      cells: prepared, each with its run `id`.
      labels: of the cells.
      root: the work directory.
      command: starts a worker on the same sweep.
      shares: of the machine, one for each worker.

    Returns:
      How each ended.
    """
    folders = [workdir.run_folder(root, cell.id) for cell in cells]
    watcher = Watcher(folders, labels)

    def run_some(numbers: Sequence[int]) -> Iterator[tuple[int, End]]:
        done, left = sorted_out(numbers, folders)
        yield from ((i, ALREADY_DONE) for i in done)
        blocks, running = _blocks(left, len(shares)), 0
        while running or any(blocks):
            for slot in pool.idle():
                if any(blocks):
                    i = _next(blocks, slot)
                    pool.send(slot, i, cells[i].id)
                    running += 1
            for i, end in pool.ends(_LOOK):
                running -= 1
                if end.error:
                    with suppress(Busy, WriteError):
                        record_loss(folders[i], end.error)
                watcher.clear()
                yield i, end
            watcher.show()
        watcher.clear()

    with _stopped(Pool(command, shares, root / "logs")) as pool:
        return in_rounds(folders, labels, run_some, len(shares))


def _blocks(numbers: Sequence[int], count: int) -> list[deque[int]]:
    """Neighbours in blocks of nearly one size.

    >>> [list(block) for block in _blocks([0, 1, 2, 3, 4], 2)]
    [[0, 1], [2, 3, 4]]
    """
    cuts = [len(numbers) * i // count for i in range(count + 1)]
    return [deque(numbers[a:b]) for a, b in zip(cuts, cuts[1:])]


def _next(blocks: list[deque[int]], slot: int) -> int:
    """Takes the next cell of a worker's own block, else the last of the longest."""
    return blocks[slot].popleft() if blocks[slot] else max(blocks, key=len).pop()
