"""The host loop of every long computation: progress, checkpoints, divergence."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import jax
import numpy as np

from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.loop_log import JsonLines, Log
from dd_jax.runtime.program_maps import forget_programs_if_many
from dd_jax.system.progress import progress
from dd_jax.types import Params


class Diverged(RuntimeError):
    """A loss, or what is learned, stopped being finite numbers."""


class LoopResult(NamedTuple):
    """The last state of a loop and its `steady_seconds`, over all attempts."""

    state: Params
    seconds: float


def array_digest(arrays: Params) -> str:
    """A name for the contents of some arrays: 12 hexadecimal digits.

    >>> array_digest([np.arange(3)]) == array_digest([np.arange(3)])
    True
    >>> array_digest([np.arange(3)]) == array_digest([np.arange(4)])
    False
    """
    hashed = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(arrays)):
        hashed.update(f"{leaf.dtype} {leaf.shape}".encode() + leaf.tobytes())
    return hashed.hexdigest()[:12]


def _finite(state: Params) -> bool:
    return all(
        np.isfinite(leaf).all() for leaf in map(np.asarray, jax.tree.leaves(state))
    )


class Clock:
    """The seconds of a loop, and when its state is to be saved."""

    def __init__(self, save_seconds: float):
        """Starts it; `save_seconds` is the least time between two saves."""
        self._least = save_seconds
        self._called = self._saved = time.perf_counter()
        self._calls: list[tuple[int, float]] = []

    def count(self, steps: int) -> None:
        """Counts the seconds since the last call as those of some steps."""
        now = time.perf_counter()
        self._calls.append((steps, now - self._called))
        self._called = now

    def seconds(self) -> float:
        """Seconds of the steps that were counted, see `steady_seconds`."""
        return steady_seconds(self._calls)

    def due(self) -> bool:
        """Whether a state is to be saved now; it then counts as saved."""
        now = time.perf_counter()
        if now - self._saved < self._least:
            return False
        self._saved = now
        return True


def steady_seconds(calls: Sequence[tuple[int, float]]) -> float:
    """Seconds of calls, without what the first takes longer, since it is compiled.

    `sum_i t_i - max(0, t_1 - n_1 median_{i > 1} t_i / n_i)`; a single call is whole.

    Args:
      calls: steps n_i, at least 1, and seconds t_i of each.

    >>> steady_seconds([(10, 7.0), (10, 1.0), (5, 0.5)])
    2.5
    """
    total = sum(seconds for _, seconds in calls)
    if len(calls) < 2:
        return total
    (steps, first), *others = calls
    typical = steps * median(seconds / n for n, seconds in others)
    return total - max(0.0, first - typical)


class LoopFiles:
    """What a loop has on disk, its states and its log, and where it goes on from.

    Attributes:
      step: that it has reached.
      before: seconds that it took to get there, over all attempts.
      state: of that step.
    """

    def __init__(
        self,
        state: Params,
        total: int,
        label: str,
        folder: str | Path | None,
        inputs: Params,
        log: str | Path | Log | None,
        written: Callable[[int], str],
    ):
        """Reads them; the arguments are those of `run_loop`."""
        self._log = JsonLines(log) if isinstance(log, str | Path) else log
        self._label, self._written = label, written
        self._saved = Checkpoints(place(folder, inputs), label) if folder else None
        self.step, self.before, self.state, self._rows = 0, 0.0, state, []
        if self._saved:
            found = self._saved.latest(state, written, limit=total)
            self.step, self.before, self.state = found
            self._rows = self._saved.rows
        if self._log:
            self._log.start(self._rows)

    def add(self, end: int, values: dict[str, float]) -> None:
        """Adds a row of the log.

        Raises:
          Diverged: the loss is not finite.
        """
        if not math.isfinite(values["loss"]):
            raise Diverged(f"{self._label}: loss is {values['loss']} by step {end}")
        self._rows.append({"step": end} | values)
        if self._log:
            self._log.add(self._rows[-1])

    def require_finite(self, state: Params) -> None:
        """Refuses a last state that is not finite."""
        if not _finite(state):
            step = self._rows[-1]["step"]
            raise Diverged(f"{self._label}: the state is not finite at step {step}")

    def save(self, end: int, seconds: float, state: Params) -> None:
        """Saves the state of a step, which took some seconds in this attempt."""
        if self._saved:
            rows = self._rows if self._log else ()
            text = self._written(end)
            self._saved.save(end, self.before + seconds, state, rows, text)


def place(folder: str | Path, inputs: Params) -> Path:
    """Where a loop on some inputs has its states."""
    return Path(folder) / array_digest(inputs)


def run_loop(
    advance: Callable,
    state: Params,
    *,
    total: int,
    per_call: int,
    label: str = "loop",
    folder: str | Path | None = None,
    inputs: Params = (),
    save_seconds: float = 20.0,
    log: str | Path | Log | None = None,
    written: Callable[[int], str] = lambda step: "",
) -> LoopResult:
    """Runs a compiled loop to its end in calls of `per_call` steps, resumably.

    Args:
      advance: `(state, first, last) -> (state, info)`, steps first..last-1;
        `info["loss"]` has to stay finite.
      state: where step 0 starts from; a call may take the memory of the state that it
        is given, so that only the newest can be read.
      total: number of steps.
      per_call: steps of one compiled call.
      label: what the progress says.
      folder: where the state is saved; a later call with the same folder and inputs
        resumes from there, bit for bit as if never interrupted. None saves nothing.
      inputs: arrays that the result depends on; each has a place of its own in folder.
      save_seconds: least time between two saves; the last state is always saved.
      log: JSON lines file, or another log, that gets a row `{step, **info}` for each
        call. Its rows are saved with the state, and it starts as they say.
      written: `step -> text` that identifies what the calls up to a step have left
        elsewhere on disk; a saved state counts while this stays the same.

    Raises:
      Diverged: at the first call whose loss, or at the end whose state, is not finite.
      WriteError: a full disk.
    """
    forget_programs_if_many()
    files = LoopFiles(state, total, label, folder, inputs, log, written)
    state, seconds, clock = files.state, 0.0, Clock(save_seconds)
    with progress(label, total, files.step) as show:
        for first in range(files.step, total, per_call):
            end = min(first + per_call, total)
            state, info = advance(state, first, end)
            values = {name: float(value) for name, value in info.items()}
            clock.count(end - first)
            files.add(end, values)
            if end == total:
                files.require_finite(state)
            if clock.due() or end == total:
                seconds = clock.seconds()
                files.save(end, seconds, state)
            show(end, values)
    return LoopResult(jax.block_until_ready(state), files.before + seconds)
