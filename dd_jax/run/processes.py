"""The processes of one command line: they meet, and the others follow the first."""

import os
from collections.abc import Iterable
from contextlib import suppress

from dd_jax.run.context import Prepared
from dd_jax.run.one_run import run
from dd_jax.runtime import hosts, joint_work
from dd_jax.system import interruption
from dd_jax.types import InputError


def meet(place: tuple | None) -> bool:
    """Joins the other processes, for as long as this one lives.

    Args:
      place: the arguments of `runtime.hosts.join`; None has JAX find them.

    Returns:
      Whether there are any.
    """
    if place:
        hosts.join(*place)
    elif hosts.found_by_jax():
        hosts.join()
    if not hosts.first():
        _leave_messages_and_signals_to_the_first()
    joint_work.watch()
    return hosts.count() > 1


def is_first() -> bool:
    """Whether this process is the first, or alone."""
    return hosts.first()


def follow(cells: Iterable[Prepared]) -> None:
    """Takes part in the runs that the first process starts, until it ends this one.

    Args:
      cells: all runs of the command line, as the first has them.

    Raises:
      InputError: the first starts another.
    """
    known = {cell.id: cell for cell in cells}
    for run_id in joint_work.works():
        if run_id not in known:
            raise InputError("data, config file or code are not those of process 0")
        with suppress(Exception), joint_work.agreed():
            run(known[run_id], hosts.folder() or "")


def _leave_messages_and_signals_to_the_first() -> None:
    interruption.ignore()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
