"""Loops of several runs that take the same compiled steps: one loop for all of them.

Each keeps its own states and log, as if it had run alone, and goes on alone from there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dd_jax.runtime.advance import Advance, joined
from dd_jax.runtime.checkpoint import newest_step
from dd_jax.runtime.loop import (
    Clock,
    Diverged,
    LoopFiles,
    LoopResult,
    array_digest,
    place,
    run_loop,
)
from dd_jax.runtime.loop_log import Log
from dd_jax.runtime.program_maps import forget_programs_if_many
from dd_jax.runtime.stacked import join_trees, size
from dd_jax.system.progress import progress
from dd_jax.types import Params


class Waiting(Exception):
    """A loop that has steps to take and can be joined with others."""

    def __init__(self, steps: "Steps"):
        """Holds the arguments of `run_loop`."""
        super().__init__(steps.label)
        self.steps = steps


class Steps(NamedTuple):
    """The arguments of `run_loop`, of a loop that saves its states."""

    advance: Advance
    state: Params
    total: int
    per_call: int
    label: str
    folder: Path
    inputs: Params
    save_seconds: float
    log: Path | Log | None = None

    @property
    def place(self) -> Path:
        """Where its states are."""
        return place(self.folder, self.inputs)

    @property
    def goal(self) -> Path:
        """Where its last state is; loops with one goal are one loop."""
        return self.place / str(self.total)

    def kind(self) -> tuple:
        """What loops that can be joined have in common, the steps taken among it."""
        leaves, tree = jax.tree.flatten((self.state, self.advance.each))
        shapes = tuple((leaf.shape[1:], leaf.dtype) for leaf in leaves)
        fixed = array_digest(self.advance.fixed)
        done = newest_step(self.place, self.total)
        schedule = done, self.total, self.per_call
        return self.advance.program, tree, shapes, fixed, schedule


def wait_for_others(known: dict[Path, LoopResult]) -> Callable[..., LoopResult]:
    """`run_loop`, which raises `Waiting` in place of steps that can be joined.

    Args:
      known: results of loops by their goals; those that are run are added.
    """

    def loop(advance: Callable, state: Params, **schedule: Any) -> LoopResult:
        arguments = {**schedule}
        written = arguments.pop("written", None)
        if not isinstance(advance, Advance) or written or not schedule.get("folder"):
            return run_loop(advance, state, **schedule)
        steps = Steps(advance, state, **arguments)
        if steps.goal not in known:
            if newest_step(steps.place, steps.total) < steps.total:
                raise Waiting(steps)
            known[steps.goal] = run_loop(advance, state, **schedule)
        return known[steps.goal]

    return loop


def run_joint_loop(loops: Sequence[Steps]) -> list[LoopResult | None]:
    """Takes the steps of several loops of one `kind` as one program.

    Args:
      loops: at least one; on CPU their results are those of each alone, bit for bit,
        on accelerators as far as a batch of models computes what one does.

    Returns:
      The result of each. None of those that diverged, whose last state is not saved,
      and of those that turn out to be at another step than most, as where a damaged
      state was removed: they have to go on alone.
    """
    forget_programs_if_many()
    files = [_files(loop) for loop in loops]
    total = loops[0].total  # which another process may have reached
    results = [
        LoopResult(kept.state, kept.before) if kept.step == total else None
        for kept in files
    ]
    left = Counter(kept.step for kept in files if kept.step < total)
    if left:
        at, _ = left.most_common(1)[0]
        here = [i for i, kept in enumerate(files) if kept.step == at]
        found = _steps_from(at, [loops[i] for i in here], [files[i] for i in here])
        for i, result in zip(here, found):
            results[i] = result
    return results


def _steps_from(
    at: int, loops: Sequence[Steps], files: Sequence[LoopFiles]
) -> list[LoopResult | None]:
    """The results of loops that are all at one step, None of those that diverge."""
    one, count = loops[0], len(loops)
    label = one.label if count == 1 else f"{one.label}, {count} runs"
    state = join_trees([kept.state for kept in files])
    advance = joined([loop.advance for loop in loops])
    ends = np.cumsum([size(kept.state) for kept in files])
    parts = [slice(a, b) for a, b in zip([0, *ends], ends)]
    alive, clock = set(range(count)), Clock(one.save_seconds)
    results: list[LoopResult | None] = [None] * count
    with progress(label, one.total, at) as show:
        for first in range(at, one.total, one.per_call):
            end = min(first + one.per_call, one.total)
            state, losses = advance.losses(state, first, end)
            means = [float(np.asarray(losses)[part].mean()) for part in parts]
            clock.count(end - first)
            last = end == one.total
            saved = jax.tree.map(np.asarray, state) if clock.due() or last else None
            for i in sorted(alive):
                try:
                    files[i].add(end, {"loss": means[i]})
                    if saved is not None:
                        own = _part(saved, parts[i])
                        seconds = clock.seconds() / count
                        if last:
                            files[i].require_finite(own)
                            results[i] = LoopResult(own, files[i].before + seconds)
                        files[i].save(end, seconds, own)
                except Diverged:
                    alive.discard(i)
            if not alive:
                break
            show(end, {"loss": float(np.mean([means[i] for i in alive]))})
    return results


def _part(state: Params, models: slice) -> Params:
    return jax.tree.map(lambda leaf: leaf[models], state)


def _files(loop: Steps) -> LoopFiles:
    return LoopFiles(
        *(loop.state, loop.total, loop.label, loop.folder, loop.inputs, loop.log),
        lambda step: "",
    )
