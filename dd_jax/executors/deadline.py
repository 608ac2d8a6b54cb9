"""Runs that are made as long as the time of a plan lasts."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dd_jax.executors.cells import End
from dd_jax.executors.time_plan import Plan
from dd_jax.system.interruption import Interrupted, alarm
from dd_jax.system.progress import duration, part_of_all

LEFT_OUT = "left out"
_OVER = 1.05  # of the time, when a run is stopped that takes longer than expected

Attempt = Callable[[Any, Path], End]


def within(attempt: Attempt, plan: Plan, began: float) -> Attempt:
    """Runs a cell if it is expected to end in time, and stops it if it does not.

    What is expected is multiplied by what earlier cells took over what was expected of
    them.

    Args:
      attempt: runs one cell.
      plan: has its time, and that of each cell.
      began: when the time began, by `time.monotonic`.

    Returns:
      The same with a deadline; its ends may be of the kind `LEFT_OUT`.
    """
    left = lambda: began + plan.budget - time.monotonic()
    behind, foreseen, taken = [], [], []

    def timed(cell: Any, root: Path) -> End:
        factor = sum(taken) / sum(foreseen) if foreseen else 1.0
        expected = plan.expected(cell.config)
        needed = factor * expected
        if needed > left():
            return End(LEFT_OUT, f"left out: would take about {duration(needed)}")
        start = time.monotonic()
        try:
            over = alarm(left() + (_OVER - 1) * plan.budget)
            with over, part_of_all(sum(behind), expected, sum(plan.seconds)):
                end = attempt(cell, root)
        except Interrupted as stop:
            if stop.number != signal.SIGALRM:
                raise
            return End(LEFT_OUT, "left out: took longer than expected", ran=True)
        behind.append(expected)
        if end.ran:
            foreseen.append(expected)
            taken.append(time.monotonic() - start)
        return end

    return timed
