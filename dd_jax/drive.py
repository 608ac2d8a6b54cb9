"""The host loop of every long computation: progress, checkpoints, divergence."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
from tqdm import tqdm

from dd_jax import workdir
from dd_jax.checkpoint import Checkpoints
from dd_jax.types import Params


class Diverged(RuntimeError):
    """A loss stopped being a finite number."""


class Driven(NamedTuple):
    """The last state of a loop and the seconds that it took, over all attempts."""

    state: Params
    seconds: float


def drive(
    advance: Callable,
    state: Params,
    *,
    total: int,
    per_call: int,
    label: str = "loop",
    folder: str | Path | None = None,
    save_seconds: float = 20.0,
    log: str | Path | None = None,
) -> Driven:
    """Runs a compiled loop to its end in calls of `per_call` steps, resumably.

    Args:
      advance: `(state, first, last) -> (state, info)`, steps first..last-1;
        `info["loss"]` has to stay finite.
      state: where step 0 starts from.
      total: number of steps.
      per_call: steps between two looks from the host.
      label: what the progress bar says.
      folder: where the state is saved; a later call with the same folder goes on from
        there, bit for bit as if never interrupted. None saves nothing.
      save_seconds: least time between two saves; the last state is always saved.
      log: JSON lines file that gets a row `{step, **info}` for each call.

    Raises:
      Diverged: at the first call whose loss is not finite.
    """
    saved = Checkpoints(folder) if folder else None
    start, before, state = saved.latest(state) if saved else (0, 0.0, state)
    if log:
        workdir.truncate_jsonl(log, start)
    began = last_save = time.perf_counter()
    with tqdm(total=total, initial=start, desc=label, disable=None) as bar:
        for first in range(start, total, per_call):
            end = min(first + per_call, total)
            state, info = advance(state, first, end)
            values = {name: float(value) for name, value in info.items()}
            if not math.isfinite(values["loss"]):
                raise Diverged(f"{label}: loss is {values['loss']} by step {end}")
            if log:
                workdir.append_jsonl(log, {"step": end} | values)
            now = time.perf_counter()
            if saved and (now - last_save >= save_seconds or end == total):
                saved.save(end, before + now - began, state)
                last_save = now
            bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()})
            bar.update(end - first)
    jax.block_until_ready(state)
    return Driven(state, before + time.perf_counter() - began)
