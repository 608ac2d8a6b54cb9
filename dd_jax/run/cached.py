"""What stages share: folders of saved states, cached results, schedules, estimates."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import entry, resolve, takes
from dd_jax.config.sharing import PARTS
from dd_jax.report.intervals import mean_interval
from dd_jax.run.context import RunContext, images_per_class
from dd_jax.runtime.loop import LoopResult, array_digest
from dd_jax.runtime.memory_plan import ran_out
from dd_jax.runtime.precision import computing_in
from dd_jax.runtime.sent import file_of_first
from dd_jax.system import locks, workdir
from dd_jax.system.notice import notice
from dd_jax.train.many import Schedule
from dd_jax.types import DoesNotFit, InputError

_REHEARSING: ContextVar[bool] = ContextVar("rehearsing", default=False)
_OF_MEMORY = DoesNotFit, MemoryError, jax.errors.JaxRuntimeError
_OF_AUDITS = ("shadows", "images", "nets", "rows")  # whose memory grows with them
_CALLS = 10  # compiled calls of a training run, between which it can be saved


def stage_loop(
    run: RunContext, stage: str, folder: Path, label: str = "", **kw: Any
) -> Callable:
    """The run's loop for one stage; stages of one run resume from its checkpoints.

    Its networks compute in `config.precision`. Its seconds count as the stage's, of a
    resumed loop once. What several runs share is made by one of them, while the others
    wait.
    """
    name = label or stage.replace("_", " ")

    def loop(advance, state, **schedule):
        with advised(run, name, stage), computing_in(run.config.precision):
            if _REHEARSING.get():
                return LoopResult(advance(state, 0, 0)[0], 0.0)
            with locked(run, folder):
                result = run.loop(
                    advance,
                    state,
                    label=name,
                    folder=folder,
                    save_seconds=run.config.checkpoint_seconds,
                    **schedule,
                    **kw,
                )
        part = folder, array_digest(schedule.get("inputs", ()))
        run.cost.count(stage, part, result.seconds)
        return result

    return loop


@contextmanager
def rehearsal() -> Iterator[None]:
    """Inside, stages compile their programs and take no step."""
    token = _REHEARSING.set(True)
    try:
        yield
    finally:
        _REHEARSING.reset(token)


@contextmanager
def advised(run: RunContext, name: str, stage: str = "") -> Iterator[None]:
    """Names a stage that does not fit in memory, and the keys that it follows from.

    What is found before the stage starts, and memory that runs out in it.

    Args:
      run: the run.
      name: what the message calls the stage.
      stage: a loop; empty for the audit of that name, whose own loops name themselves.

    Raises:
      DoesNotFit: in place of it.
      MemoryError: in place of it, and of the error of a device that it ran out on.
    """
    try:
        yield
    except _OF_MEMORY as error:
        named = isinstance(error.__cause__, _OF_MEMORY)
        other = isinstance(error, jax.errors.JaxRuntimeError) and not ran_out(error)
        if named or other:
            raise
        *keys, last = _keys_of_memory(run.config, name, stage)
        others = f"{', '.join(keys)} or " if keys else ""
        advice = f"lower {others}{last}"
        if isinstance(error, DoesNotFit):
            raise DoesNotFit(f"{name} {error}; {advice}") from error
        first, *_ = str(error).splitlines() or ["no memory left"]
        raise MemoryError(f"{name}: {first}; {advice}") from error


def _keys_of_memory(config: ConfigDict, audit: str, stage: str) -> list[str]:
    """Those with which the memory of a stage grows; without a stage, of an audit."""
    if not stage:
        options = config.audits.get(audit, {})
        own = [f"audits.{audit}.{key}" for key in _OF_AUDITS if key in options]
        return [*own, "model.width"]
    if "distill" not in stage:
        return ["train.batch", "model.width"]
    name = config.distill.method
    real = takes(resolve("method", name), "batch_real")
    keys = ["distill.batch_real"] if real else []
    for option in entry("method", name).traits.get("memory", ()):
        value = config.distill[name][option]
        keys.append(f"distill.{name}.{option}{'' if value else ' (0 = all)'}")
    return [*keys, "distill.ipc", "model.width"]


def run_dir(run: RunContext, name: str) -> Path:
    """The folder of what no other run can use."""
    return run.folder / "checkpoints" / name


def cache_dir(run: RunContext, part: str, *keys: str, name: str = "") -> Path:
    """Where runs share a part: by data, and by the keys that it follows from.

    A set made elsewhere has its own `distill.ipc`.

    Args:
      run: the run.
      part: a key of `PARTS`.
      keys: further ones, of results on it.
      name: of the folder; default: the part.
    """
    size = {"distill.ipc": images_per_class(run.config)}
    config = configs.override(run.config, size, "set")
    shared = configs.run_id(config, run.fingerprint, (*PARTS[part], *keys))
    return run.cache / shared / (name or part)


def locked(run: RunContext, path: Path) -> AbstractContextManager[None]:
    """Locks what runs share while it is made or read.

    A run's own files need no lock of theirs: the run has one.

    Args:
      run: the run.
      path: a file, or the folder of a stage.
    """
    return locks.locked(path) if run.cache in path.parents else nullcontext()


def read_or_make(path: Path, make: Callable[[], dict]) -> dict:
    """What a file of `workdir.write_tree` holds, which `make` gives where it is needed.

    `make` is called where the file is missing or, with a notice, damaged. Of several
    hosts the first decides, and sends the others the file.
    """
    file_of_first(path)
    if path.exists():
        try:
            return workdir.read_tree(path)
        except InputError as error:
            notice(f"{error}; made again")
    workdir.write_tree(path, make())
    return workdir.read_tree(path)


def cached(run: RunContext, stage: str, path: Path, make: Callable[[], dict]) -> dict:
    """What `make` gives, or what this or another run left of it in a file.

    The seconds that it took count as the stage's in both cases.

    Args:
      run: the run.
      stage: whose seconds they are.
      path: of the file, which appears whole or not at all.
      make: gives what `workdir.write_tree` takes.
    """

    def timed() -> dict:
        begin = time.perf_counter()
        made = make()
        return {"seconds": time.perf_counter() - begin, "made": made}

    with locked(run, path):
        found = read_or_make(path, timed)
    run.cost.count(stage, path, found["seconds"])
    return found["made"]


def in_ten_calls(total: int) -> Schedule:
    """Epochs in ten compiled calls."""
    return Schedule(total, -(-total // _CALLS))


def one_per_call(total: int) -> Schedule:
    """Epochs, each a compiled call."""
    return Schedule(total, 1)


def distillation_steps(run: RunContext) -> Schedule:
    """Steps of distillation."""
    config = run.config.distill
    return Schedule(config.steps, config.steps_per_call)


def estimate(run: RunContext, pipe: str, values: np.ndarray) -> dict:
    """Mean and interval over sets where there are several, else over networks.

    Args:
      run: the run.
      pipe: whose networks they are; those of `distilled` on one set are side by side.
      values: `f64[networks]`.

    Returns:
      `{mean, ci, n}`.
    """
    values = np.asarray(values, np.float64)
    if pipe == "distilled" and run.config.sets > 1:
        values = values.reshape(run.config.sets, -1).mean(1)
    return mean_interval(values)
