"""How long a run will take, from a few steps of each of its stages."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.base import Experts, Releases
from dd_jax.distill.distil_many import distil_many
from dd_jax.run import stages
from dd_jax.run.audit_context import enabled
from dd_jax.run.cached import distillation_steps, run_dir, stage_loop
from dd_jax.run.context import Prepared, RunContext, start
from dd_jax.run.methods import experts_of, method_of
from dd_jax.run.taught import teacher_of
from dd_jax.runtime import compilation_cache as compiled
from dd_jax.runtime.devices import devices_in_use, spread
from dd_jax.runtime.keys import stack
from dd_jax.runtime.loop import LoopResult, array_digest
from dd_jax.types import Array, SyntheticSet

_LEAST = 2.0  # seconds that the last of the measured calls takes, unless it is whole


def durations(
    runs: Iterable[Prepared], seconds: float = _LEAST
) -> Iterator[dict[str, float]]:
    """Seconds by stage of some runs that follow one another on these devices.

    Each stage is started and left after its first steps: the first compiles, then calls
    of 1, 2, 4, ... steps are timed up to one that takes `seconds` or is as long as the
    stage's own calls. What runs share is counted at the first of them. Audits are not
    counted; compilation is. Nothing is kept but programs in the compilation cache.

    Args:
      runs: checked, in their order.
      seconds: least time of the last call.

    Yields:
      `{stage: seconds}` of each, empty stages left out.
    """
    compiled.enable()
    known: dict[tuple, float] = {}
    with tempfile.TemporaryDirectory(prefix="dd_jax_") as folder:
        for run in runs:
            yield _of_one(run, Path(folder), known, seconds)


def audits_of(run: Prepared) -> list[str]:
    """The audits of a run, whose time `durations` leaves out."""
    return list(enabled(run.config))


def _of_one(waiting: Prepared, root: Path, known: dict, seconds: float) -> dict:
    run = start(waiting, root / "runs" / waiting.id, root / "cache")
    run = run._replace(loop=_first_steps(known, seconds))
    with spread(run.config.devices):
        sets, factors = _sets(run)
        stages.networks_on_sets(run, sets)
        for train in stages.baselines(run.config).values():
            train(run)
    spent = run.cost.seconds
    return {
        stage: value * factors.get(stage, 1) for stage, value in spent.items() if value
    }


def _first_steps(known: dict, seconds: float) -> Callable:
    """A loop that reckons its seconds from the first steps; those known are 0."""

    def loop(advance, state, *, total, per_call, folder, inputs=(), **_) -> LoopResult:
        place = folder, array_digest(inputs)
        if place in known:
            return LoopResult(state, 0.0)
        state, first = _timed(advance, state, 0, 1)
        step, done, count = first, 1, 1
        while done + count <= total:
            state, spent = _timed(advance, state, done, done + count)
            step, done = spent / count, done + count
            if spent >= seconds or count >= per_call:
                break
            count = min(2 * count, per_call)
        known[place] = max(first - step, 0.0) + step * total
        return LoopResult(state, known[place])

    return loop


def _timed(advance: Callable, state, first: int, last: int):
    begin = time.perf_counter()
    state, info = advance(state, first, last)
    jax.block_until_ready((state, info))
    return state, time.perf_counter() - begin


def _sets(run: RunContext) -> tuple[SyntheticSet, dict[str, int]]:
    """Sets of the right shapes, and how many times a stage's seconds count.

    One group of experts is trained, or one release made, and the methods follow a
    random walk.
    """
    config, data = run.config, run.dataset.train
    if config.distill.load:
        return stages.synthetic_sets(run)[0], {}
    method = method_of(run, config.distill.method)
    groups = 1
    if method.experts:
        at_once = min(len(devices_in_use()), method.experts.count)
        groups = -(-method.experts.count // at_once)
        method = method._replace(experts=method.experts._replace(count=at_once))
    releases = 1
    if method.releases and not method.releases.in_steps:
        releases = method.releases.count
        method = method._replace(releases=method.releases._replace(count=1))
    # A learning rate that was learned in so few steps may be no number.
    read = lambda state: method.read(state)._replace(lr=jnp.float32(config.train.lr))
    sets, _ = distil_many(
        method._replace(read=read),
        stack(run.key("distil"), config.sets),
        data,
        np.ones((config.sets, len(data.labels)), bool),
        distillation_steps(run),
        stage_loop(run, "distill", run_dir(run, "distil")),
        _walks(experts_of(run, data)),
        share_experts=True,
        teacher=teacher_of(run),
    )
    return sets, {"experts": groups, "releases": releases}


def _walks(train: Callable) -> Callable:
    """Trains experts, or makes releases, for their seconds; gives random walks.

    A secret of releases in steps is given as it is.
    """

    def paths(key: Array, rows: np.ndarray, wanted: Experts | Releases) -> np.ndarray:
        found = train(key, rows, wanted)
        if found.ndim == 1:
            return found
        steps = np.random.default_rng(0).normal(0, 0.01, found.shape)
        return (found[:, :1] + np.cumsum(steps, 1)).astype(np.float16)

    return paths
