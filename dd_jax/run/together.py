"""Runs that differ in traced values alone: their stages as one program each.

What they leave are finished states of each run's stages, from which it then goes on by
itself, audits and all.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from dd_jax.audits.audit import PIPES
from dd_jax.report.completed import intact_record
from dd_jax.run import stages
from dd_jax.run.audit_context import context_of, enabled, eval_steps, say_advice
from dd_jax.run.context import AUDIT_PRECISION, Prepared, RunContext, start
from dd_jax.run.dp_sgd_baseline import earlier_accuracy
from dd_jax.run.read_data import whitening
from dd_jax.runtime import compilation_cache as compiled
from dd_jax.runtime import hosts
from dd_jax.runtime.devices import devices_in_use, spread
from dd_jax.runtime.joint_loop import (
    Steps,
    Waiting,
    run_joint_loop,
    wait_for_others,
)
from dd_jax.runtime.loop import LoopResult
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.precision import computing_in
from dd_jax.system import locks, workdir
from dd_jax.system.paths import expanded

_IN_A_BATCH = 8  # runs on an accelerator
Stage = Callable[[RunContext], object]


def take_steps_together(cells: Sequence[Prepared], root: str | Path) -> None:
    """Takes the steps of distillation and training of several runs together.

    Runs of other processes are left out, and so is one that fails or diverges: it says
    so when it runs by itself.

    Args:
      cells: runs that share compiled programs, see `config.sharing.static_keys`.
      root: the working directory.
    """
    root, config = expanded(root), cells[0].config
    devices, audits = spread(config.devices), computing_in(AUDIT_PRECISION)
    with ExitStack() as held, devices, audits:
        compiled.enable()
        runs = []
        for cell in cells:
            folder = workdir.run_folder(root, cell.id)
            with suppress(Exception):
                held.enter_context(locks.exclusive(folder))
                if not intact_record(folder):  # else another process was faster
                    runs.append(_started(cell, folder, root / "cache"))
        known: dict[Path, LoopResult] = {}
        runs = [run._replace(loop=wait_for_others(known)) for run in runs]
        for stage in _STAGES:
            runs = _finished(runs, stage, known)


def runs_at_once(devices: int) -> int:
    """How many runs take their steps together unless the user says otherwise.

    One for each device of a CPU, where models are computed one after another on each;
    on accelerators eight for each, in one batch as far as their memory holds. Over
    several hosts each runs by itself.

    Args:
      devices: that runs ask for, `config.devices`.
    """
    if hosts.count() > 1:
        return 1
    with spread(devices):
        return len(devices_in_use()) * (1 if in_turn() else _IN_A_BATCH)


def _started(cell: Prepared, folder: Path, cache: Path) -> RunContext:
    workdir.write_start(folder, cell.config.to_json())
    run = start(cell, folder, cache)
    say_advice(run)
    whitening(cell.config)
    return run


def _finished(
    runs: list[RunContext], stage: Stage, known: dict[Path, LoopResult]
) -> list[RunContext]:
    """Finishes the loops of a stage; gives the runs whose loops did not fail."""
    while True:
        groups, failed = _waiting(runs, stage)
        for group in groups:
            failed |= _take(group, known)
        runs = [run for run in runs if run.folder not in failed]
        if not groups:
            return runs


def _waiting(
    runs: Iterable[RunContext], stage: Stage
) -> tuple[list[list[tuple[RunContext, Steps]]], set[Path]]:
    """The loops that runs wait for, in groups of one kind; folders of those that fail.

    A loop that several runs wait for is taken for the first.
    """
    groups: dict[tuple, dict[Path, tuple[RunContext, Steps]]] = {}
    failed = set()
    for run in runs:
        try:
            stage(run)
        except Waiting as waiting:
            steps = waiting.steps
            groups.setdefault(steps.kind(), {}).setdefault(steps.goal, (run, steps))
        except Exception:
            failed.add(run.folder)
    return [[*group.values()] for group in groups.values()], failed


def _take(
    group: Sequence[tuple[RunContext, Steps]], known: dict[Path, LoopResult]
) -> set[Path]:
    """Takes the steps of one group; gives the folders of the runs that fail."""
    runs, loops = zip(*group)
    shared = {loop.folder for run, loop in group if run.cache in loop.folder.parents}
    with ExitStack() as held, computing_in(runs[0].config.precision):
        for folder in sorted(shared):
            held.enter_context(locks.locked(folder))
        try:
            results = run_joint_loop(loops)
        except Exception:
            return {run.folder for run in runs}
    ended = [*zip(runs, loops, results)]
    known |= {loop.goal: result for _, loop, result in ended if result}
    return {run.folder for run, _, result in ended if not result}


def _sets(run: RunContext) -> object:
    return stages.sets_by_step(run, eval_steps(run.config))


def _networks(run: RunContext) -> object:
    return stages.networks_on_sets(run, stages.synthetic_sets(run)[0])


def _baseline(pipe: str, run: RunContext) -> None:
    if train := stages.baselines(run.config).get(pipe):
        train(run)


def _models_of(pipe: str, run: RunContext) -> None:
    if pipe not in ("distilled", *stages.baselines(run.config)):
        return
    for name, audit in enabled(run.config).items():
        audit.train(context_of(run, name), pipe)


_STAGES: tuple[Stage, ...] = (
    _sets,
    _networks,
    earlier_accuracy,
    *(partial(_baseline, pipe) for pipe in PIPES),
    *(partial(_models_of, pipe) for pipe in PIPES),
)
