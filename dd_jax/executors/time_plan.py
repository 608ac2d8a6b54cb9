"""Which runs to make in a time budget on this machine, and in which order."""

import json
import math
import time
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.fields import fields
from dd_jax.config.sweep import Point
from dd_jax.executors.plan_levels import LEVELS, Level
from dd_jax.executors.planned_size import sized
from dd_jax.executors.wished_runs import wishes, words
from dd_jax.system.progress import duration, say
from dd_jax.types import InputError

_LEAST = 2  # runs without which there is no answer
_MARGIN = 1.2  # of a budget that is proposed, as no two timings agree
_WANTED = 4  # runs that matter more than larger networks
USED = 0.8  # of the time that is left, as expectations err
_PROGRAMS = 12  # compiled by a run of new shapes, each about as long as that of a step
_STEP = 2  # how many times more a level takes than the one before, at least
_KEPT = (  # of a set that is loaded
    *("data.image_size", "distill.steps"),
    *("audits.privacy.shadows", "audits.privacy.epochs"),
)
_SHARED = ("full_data", "full_data_shadows")  # by all runs of a plan


class Plan(NamedTuple):
    """Runs in the order in which they are made, as long as there is time.

    Attributes:
      budget: seconds.
      base: see `base_of`.
      points: further config keys of each.
      seconds: expected of each.
    """

    budget: float
    base: dict[str, Any]
    points: list[Point]
    seconds: list[float]

    def number(self, config: ConfigDict) -> int:
        """The number of the point that a config has, from 0."""
        values = configs.flat(config)
        of_it = [
            (len(point), -number)
            for number, point in enumerate(self.points)
            if all(values[key] == value for key, value in point.items())
        ]
        return -max(of_it)[1]

    def fit(self) -> int:
        """How many of the first runs are expected to fit."""
        return max(fitting(self.seconds, USED * self.budget), 1)

    def enough(self, factor: float = 1.0) -> float:
        """Seconds that the runs need without which there is no answer.

        Args:
          factor: how many times longer than expected they take.
        """
        return _MARGIN * factor * sum(self.seconds[:_LEAST]) / USED


def base_of(config: ConfigDict, given: Collection[str]) -> dict[str, Any]:
    """What a plan belongs to beside its budget: the given keys that change results.

    Thresholds and the language of a report are not among them.

    Args:
      config: has the values.
      given: keys that a plan keeps as they are.

    >>> base_of(configs.default(), {"report.lang", "model.width"})
    {'model.width': 32}
    """
    values, known = configs.flat(config), fields()
    kept = {key: values[key] for key in sorted(given) if known[key].changes_results}
    return json.loads(json.dumps(kept))


def expected(
    config: ConfigDict,
    points: Sequence[Point],
    passes: Callable[[ConfigDict], dict[str, float]],
    speed: tuple[float, float],
) -> list[float]:
    """Seconds of each run; what runs share counts for the first.

    Args:
      config: the base.
      points: of the runs, in their order.
      passes: of each stage of a config.
      speed: seconds of a pass, and of compiling a step.
    """
    a_pass, compiling = speed
    seconds, shapes = [], set[int]()
    for point in points:
        cell = configs.override(config, point, "plan")
        new, first = cell.distill.ipc not in shapes, not shapes
        shapes.add(cell.distill.ipc)
        count = sum(
            count
            for stage, count in passes(cell).items()
            if first or stage not in _SHARED
            if new or not stage.startswith("random_subset")
        )
        seconds.append(count * a_pass + new * _PROGRAMS * compiling)
    return seconds


def fitting(seconds: Sequence[float], room: float) -> int:
    """How many of the first runs fit.

    >>> fitting([1.0, 2.0, 9.0], 4.0)
    2
    """
    return sum(total <= room for total in accumulate(seconds))


def plan(
    config: ConfigDict, given: Collection[str], root: Path, run: ModuleType
) -> Plan:
    """Advises on the data, times this machine, and chooses runs and their level.

    The most thorough level at which four runs fit into four fifths of the time that is
    left; of the quickest, two have to.

    Args:
      config: with `budget_minutes`, and the keys that the user gave.
      given: these keys, which are kept as they are.
      root: the work directory.
      run: `dd_jax.run`.

    Raises:
      InputError: the budget is too small, or the data do not fit.
    """
    began, budget = time.monotonic(), 60 * config.budget_minutes
    own, given = base_of(config, given), {*given, *(_KEPT * bool(config.distill.load))}
    left = lambda: USED * (budget - (time.monotonic() - began))
    size, data = sized(config, given, run)
    counts = run.counts_of(data)
    run.passes(config, counts)  # refuses other methods before anything is timed
    points = wishes(config, counts.smallest, given)
    wanted = min(_WANTED, len(points))

    def at(level: Level, point: Point) -> Point:
        images = run.set_size(configs.override(config, point, "plan"), counts)
        values = level.values(counts.train, images, config.train.batch)
        free = {key: value for key, value in values.items() if key not in given}
        return size | free | point

    first_at = lambda level: run.prepared(
        configs.override(config, at(level, points[0]), "plan")
    )
    chosen = None
    run.look_at_data(first_at(LEVELS[0]), root)
    say(f"plan: timing networks on this machine, to choose runs for {duration(budget)}")
    for level in LEVELS:
        own_points = [at(level, point) for point in points]
        speed = run.seconds_a_pass(first_at(level))
        passes = lambda cell: run.passes(cell, counts)
        seconds = expected(config, own_points, passes, speed)
        count = fitting(seconds, left())
        found = Plan(budget, own, own_points, seconds)
        if not chosen and count < min(_LEAST, wanted):
            needed = found.enough() + time.monotonic() - began
            raise InputError(
                f"budget_minutes={config.budget_minutes:g}: too little for these data "
                f"on this machine; give {math.ceil(needed / 60)} or more"
            )
        if chosen and count < wanted:
            break
        chosen = found
        if sum(seconds) * _STEP > left():
            break
    return chosen


def described(found: Plan) -> list[str]:
    """A plan as lines."""
    one, count = found.points[0], found.fit()
    chosen = {
        "model.width": "networks of width {}",
        "data.image_size": "images resized to {0}x{0} pixels",
        "audits.privacy.shadows": "{} shadows",
    }
    parts = [form.format(one[key]) for key, form in chosen.items() if key in one]
    later = "; ".join(map(words, found.points[count:]))
    return [
        f"plan for {duration(found.budget)}: {count} of {len(found.points)} runs, "
        f"about {duration(sum(found.seconds[:count]))}",
        *([f"plan: {', '.join(parts)}"] if parts else []),
        *([f"plan: if there is time: {later}"] if later else []),
    ]
