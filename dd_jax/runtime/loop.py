"""The host loop of every long computation: progress, checkpoints, divergence."""

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.program_maps import forget_programs_if_many
from dd_jax.system import workdir
from dd_jax.system.progress import progress
from dd_jax.types import Params


class Diverged(RuntimeError):
    """A loss, or what is learned, stopped being finite numbers."""


class LoopResult(NamedTuple):
    """The last state of a loop and the seconds that it took, over all attempts."""

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
    log: str | Path | None = None,
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
      log: JSON lines file that gets a row `{step, **info}` for each call. Its rows are
        saved with the state, and it starts as they say.
      written: `step -> text` that identifies what the calls up to a step have left
        elsewhere on disk; a saved state counts while this stays the same.

    Raises:
      Diverged: at the first call whose loss, or at the end whose state, is not finite.
      WriteError: a full disk.
    """
    forget_programs_if_many()
    saved = Checkpoints(Path(folder) / array_digest(inputs), label) if folder else None
    start, before = 0, 0.0
    if saved:
        start, before, state = saved.latest(state, written, limit=total)
    rows = saved.rows if saved else []
    if log:
        workdir.write_jsonl(log, rows)
    began = last_save = time.perf_counter()
    seconds = before
    with progress(label, total, start) as show:
        for first in range(start, total, per_call):
            end = min(first + per_call, total)
            state, info = advance(state, first, end)
            values = {name: float(value) for name, value in info.items()}
            if not math.isfinite(values["loss"]):
                raise Diverged(f"{label}: loss is {values['loss']} by step {end}")
            rows.append({"step": end} | values)
            if log:
                workdir.append_jsonl(log, rows[-1])
            if end == total and not _finite(state):
                raise Diverged(f"{label}: the state is not finite at step {end}")
            now = time.perf_counter()
            seconds = before + now - began
            if saved and (now - last_save >= save_seconds or end == total):
                saved.save(end, seconds, state, rows if log else (), written(end))
                last_save = now
            show(end, values)
    return LoopResult(jax.block_until_ready(state), seconds)
