"""The executor that a command line chooses."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from dd_jax.executors import shares, slurm
from dd_jax.executors.cells import End, Request
from dd_jax.executors.inline import run_in_turn
from dd_jax.executors.joint_steps import Together
from dd_jax.executors.local import run_side_by_side
from dd_jax.executors.options import slurm_settings
from dd_jax.types import InputError

WORKER = "--executor=worker"  # after the arguments of a command line that has workers
Execute = Callable[[Sequence[Any]], list[End]]


def executor(
    known: flags.FlagValues,
    request: Request,
    program: Sequence[str],
    attempt: Callable[[], Callable[[Any, Path], End]],
    together: Callable[[], Together],
) -> Execute:
    """What runs prepared cells and gives their ends.

    Args:
      known: flags of the command line.
      request: its cells.
      program: the command line, which other processes are started by.
      attempt: gives what runs one cell in this process.
      together: how cells take their steps together in this process.

    Raises:
      InputError: flags of another executor, or what Slurm refuses.
    """
    labels, root = request.labels, request.root
    command = [*program, WORKER]
    settings = slurm_settings(known)
    if known.executor != "local" and known.workers is not None:
        raise InputError(f"--workers={known.workers}: needs --executor=local")
    if known.executor != "inline" and known.together is not None:
        raise InputError(f"--together={known.together}: needs --executor=inline")
    if known.executor == "inline":
        return lambda cells: run_in_turn(
            cells, labels, root, attempt(), _together(known.together, together())
        )
    if known.executor == "slurm":
        settings = slurm.checked(settings, root)
        return lambda cells: slurm.run_on_cluster(
            cells, labels, root, command, settings
        )
    found = shares.cores(), shares.gpus({**os.environ})
    if found[1]:  # the launcher leaves their memory to the workers
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    devices = max(cell.devices for cell in request.cells)
    workers = known.workers or shares.sensible_workers(*found, devices)
    parts = shares.shares(workers, *found, devices)
    return lambda cells: run_side_by_side(cells, labels, root, command, parts)


def _together(given: int | None, usual: Together) -> Together:
    """The usual way, for as many cells as `--together` says."""
    return usual if given is None else usual._replace(at_once=lambda devices: given)
