"""What stages share: where they keep their state, how long they go on, estimates."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dd_jax import config as configs
from dd_jax import workdir
from dd_jax.drive import digest, drive
from dd_jax.parts import Parts
from dd_jax.report.statistics import mean_interval
from dd_jax.train.many import Schedule

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

    Its seconds count as the stage's, those of a loop that goes on once.
    """

    def loop(advance, state, **schedule):
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


def kept(parts: Parts, stage: str, path: Path, make: Callable[[], dict]) -> dict:
    """What `make` gives, or what this or another run left of it in a file.

    The seconds that it took count as the stage's in both cases.

    Args:
      parts: of the run.
      stage: whose seconds they are.
      path: of the file, which appears whole or not at all.
      make: gives what `workdir.write_tree` takes.

    Raises:
      InputError: the file is damaged.
    """
    if not path.exists():
        start = time.perf_counter()
        made = make()
        row = {"seconds": time.perf_counter() - start, "made": made}
        workdir.write_tree(path, row)
    found = workdir.read_tree(path)
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
