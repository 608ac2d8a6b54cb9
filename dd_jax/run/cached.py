"""What stages share: where they keep their state, how long they go on, estimates."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from dd_jax import config as configs
from dd_jax.intervals import mean_interval
from dd_jax.run.context import Parts
from dd_jax.runtime.loop import digest, drive
from dd_jax.system import locks, workdir
from dd_jax.system.notice import notice
from dd_jax.train.many import Schedule
from dd_jax.types import InputError

_RECIPE = ("batch", "lr", "decay", "augment", "cutmix", "adversarial")
_LOOKS = 10  # times that the host looks at a training run
_BASELINES = {
    "random_subset": ("distill.ipc", "distill.load", "train.nets", "train.epochs"),
    "full_data": ("train.full",),
}


def staged(
    parts: Parts, stage: str, folder: Path, label: str = "", **kw: Any
) -> Callable:
    """`drive` for one stage; a run's own stages go on from its checkpoints.

    Its seconds count as the stage's, those of a loop that goes on once. What several
    runs share is made by one of them, while the others wait.
    """

    def loop(advance, state, **schedule):
        with _alone(parts, folder):
            driven = drive(
                advance,
                state,
                label=label or stage.replace("_", " "),
                folder=folder,
                save_seconds=parts.config.checkpoint_seconds,
                **schedule,
                **kw,
            )
        part = folder, digest(schedule.get("inputs", ()))
        parts.cost.count(stage, part, driven.seconds)
        return driven

    return loop


def own(parts: Parts, name: str) -> Path:
    """Where a run keeps what no other run can use."""
    return parts.folder / "checkpoints" / name


def shared(
    parts: Parts, name: str, *keys: str, recipe: Sequence[str] = _RECIPE
) -> Path:
    """Where runs keep what depends on data, model, training recipe and `keys` alone."""
    common = ("seed", "model.", *(f"train.{key}" for key in recipe), *keys)
    return parts.cache / configs.run_id(parts.config, parts.fingerprint, common) / name


def of_baseline(parts: Parts, pipe: str, *keys: str) -> Path:
    """Where runs keep a baseline's networks, or with `keys` what they did to them."""
    return shared(parts, pipe, *_BASELINES[pipe], *keys)


def _alone(parts: Parts, path: Path) -> AbstractContextManager[None]:
    """Keeps other runs from what they share with this one while it is made or read.

    A run's own files need no lock of theirs: the run has one.

    Args:
      parts: of the run.
      path: a file, or the folder of a stage.
    """
    return locks.in_turn(path) if parts.cache in path.parents else nullcontext()


def made_once(path: Path, make: Callable[[], dict]) -> dict:
    """What a file of `workdir.write_tree` holds, which `make` gives where it is needed.

    That is where the file is missing, or is damaged, which a line says.
    """
    if path.exists():
        try:
            return workdir.read_tree(path)
        except InputError as error:
            notice(f"{error}; made again")
    workdir.write_tree(path, make())
    return workdir.read_tree(path)


def kept(parts: Parts, stage: str, path: Path, make: Callable[[], dict]) -> dict:
    """What `make` gives, or what this or another run left of it in a file.

    The seconds that it took count as the stage's in both cases.

    Args:
      parts: of the run.
      stage: whose seconds they are.
      path: of the file, which appears whole or not at all.
      make: gives what `workdir.write_tree` takes.
    """

    def timed() -> dict:
        start = time.perf_counter()
        made = make()
        return {"seconds": time.perf_counter() - start, "made": made}

    with _alone(parts, path):
        found = made_once(path, timed)
    parts.cost.count(stage, path, found["seconds"])
    return found["made"]


def at_tenths(total: int) -> Schedule:
    """Epochs that the host looks at ten times."""
    return Schedule(total, -(-total // _LOOKS))


def steps_of(parts: Parts) -> Schedule:
    """Steps of distillation."""
    config = parts.config.distill
    return Schedule(config.steps, config.steps_per_call)


def every_epoch(total: int) -> Schedule:
    """Epochs that the host looks at each."""
    return Schedule(total, 1)


def summarised(parts: Parts, pipe: str) -> Callable[[np.ndarray], dict]:
    """Estimates over sets where there are several, else over networks."""

    def summarise(values: np.ndarray) -> dict:
        values = np.asarray(values, np.float64)
        if pipe == "distilled" and parts.config.sets > 1:
            values = values.reshape(parts.config.sets, -1).mean(1)
        return mean_interval(values)

    return summarise
