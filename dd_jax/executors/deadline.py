"""Runs that are made as long as the time of a plan lasts."""

import math
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import ALREADY_DONE, End
from dd_jax.executors.time_plan import USED, Plan, fitting
from dd_jax.executors.wished_runs import words
from dd_jax.report import completed
from dd_jax.system import workdir
from dd_jax.system.interruption import Interrupted, alarm
from dd_jax.system.progress import duration, part_of_all, say
from dd_jax.types import InputError

LEFT_OUT = "left out"
_RUNS = 0.97  # of the budget; the report is made in the rest

Attempt = Callable[[Any, Path], End]


def within(attempt: Attempt, plan: Plan, began: float) -> Attempt:
    """Runs a cell if it is expected to end in time, and stops it if it does not.

    What is expected is multiplied by what earlier cells took over what was expected of
    them, and has to fit into four fifths of the time that is left. The first cell that
    is not finished starts in any case, as one that was stopped resumes.

    Args:
      attempt: runs one cell.
      plan: has its time, and that of each cell.
      began: when the time began, by `time.monotonic`.

    Returns:
      The same with a deadline; its ends may be of the kind `LEFT_OUT`.
    """
    left = lambda: began + _RUNS * plan.budget - time.monotonic()
    behind, foreseen, taken = [], [], []

    def factor() -> float:
        return sum(taken) / sum(foreseen) if foreseen else 1.0

    def later(number: int, room: float) -> float:
        seconds = [factor() * own for own in plan.seconds[number + 1 :]]
        return sum(seconds[: fitting(seconds, USED * room)])

    def timed(cell: Any, root: Path) -> End:
        number = plan.number(cell.config)
        expected = plan.seconds[number]
        needed = factor() * expected
        if left() <= 0 or (foreseen and needed > USED * left()):
            if completed.intact_record(workdir.run_folder(root, cell.id)):
                return ALREADY_DONE
            why = f"left out: would take about {duration(needed)}"
            return End(LEFT_OUT, why, left=later(number, left()))
        start, before = time.monotonic(), factor() * sum(behind)
        total = before + needed + later(number, left() - needed)
        try:
            with alarm(left()), part_of_all(before, needed, total):
                end = attempt(cell, root)
        except Interrupted as stop:
            if stop.number != signal.SIGALRM:
                raise
            why = "left out: took longer than expected"
            return End(LEFT_OUT, why, ran=True, left=0.0)
        behind.append(expected)
        if not end.ran:
            return end
        foreseen.append(expected)
        taken.append(time.monotonic() - start)
        return end._replace(left=later(number, left()))

    return timed


def say_left_out(plan: Plan, ends: Sequence[End], began: float) -> None:
    """Says what was left out, if anything.

    Args:
      plan: of the runs.
      ends: how each of its runs ended.
      began: when the time began, by `time.monotonic`.

    Raises:
      InputError: all were left out.
    """
    left = [words(p) for p, end in zip(plan.points, ends) if end.kind == LEFT_OUT]
    if len(left) == len(ends):
        spent = time.monotonic() - began
        if any(end.ran for end in ends):
            needed = plan.enough(max(1.0, spent / plan.seconds[0]))
        else:
            needed = spent + plan.enough()
        raise InputError(
            f"budget_minutes={plan.budget / 60:g}: no run ended in this time; give "
            f"{math.ceil(needed / 60)} or more, or the same command again, which goes "
            "on"
        )
    if left:
        say(f"left out, no time: {'; '.join(left)}; the same command goes on with it")
