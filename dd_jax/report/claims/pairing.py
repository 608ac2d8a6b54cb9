"""Which Records are compared: levels of one factor, with all other keys equal."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dd_jax.report.claims.registered import TESTS, Registered
from dd_jax.report.display_names import run_value
from dd_jax.types import Record

LEAST_SEEDS = 3
FACTORS = ("ipc", "init", "num_classes", "method")
SETTINGS = (
    "arch",
    "width",
    "split",
    "sets",
    "nets",
    "full_nets",
    "adversarial",
    "results_version",
)
RECIPE = ("distill.", "train.cutmix")  # IDC's networks are published with CutMix
NO_RECIPE = ("distill.load", "distill.labels", "distill.teacher.")
OWN_KEYS = ("seed", "distill.ipc", "distill.init", "distill.method", "data.num_classes")


class Reading(NamedTuple):
    """What the tests need of one Record.

    Attributes:
      run: its id.
      dataset, seed: as recorded.
      factors: the run keys that tests compare, and `ratio`, the share of the data.
      names: of the data set and of these run keys, as tables show them.
      recipe: config keys of the distillation and CutMix, as text; they go with the
        method.
      settings: the other keys that have to be equal, as text.
      values: of each registered test, None where not measured.
    """

    run: str
    dataset: str
    seed: float
    factors: dict[str, Any]
    names: dict[str, str]
    recipe: str
    settings: str
    values: tuple


class Design(NamedTuple):
    """Paired values of one test.

    Attributes:
      levels: of the factor, ascending; `(None,)` without one.
      names: of the levels, as tables show them.
      values: `f64[seeds levels]`, means over conditions within a seed.
      ratios: share of the data at each level, lowest to highest; None where unknown.
      conditions: that have a seed with all levels.
      records: that were used.
      unpaired: Records with a value that lack a partner.
    """

    levels: tuple
    names: tuple[str, ...]
    values: np.ndarray
    ratios: tuple
    conditions: int
    records: int
    unpaired: int


def reading(record: Record) -> Reading | None:
    """A Record's part in the tests; None where its seed is not recorded."""
    run = record["run"]
    if run.get("seed") is None:
        return None
    config = run.get("config")
    keys = config if isinstance(config, dict) else {}
    keys = {key: value for key, value in keys.items() if key not in OWN_KEYS}
    own = lambda key: key.startswith(RECIPE) and not key.startswith(NO_RECIPE)
    recipe = {key: v for key, v in keys.items() if own(key)}
    others = {key: v for key, v in keys.items() if key not in recipe}
    others |= {f"run {key}": run.get(key) for key in SETTINGS}
    factors = {key: run.get(key) for key in (*FACTORS, "ratio")}
    names = {key: run_value(record, key) for key in ("dataset", *FACTORS)}
    if form := run.get("method_form"):  # another method, as its numbers have changed
        factors["method"] = f"{run['method']} {form}"
        names["method"] += f", form {form}"
    return Reading(
        run["id"],
        run["dataset"],
        run["seed"],
        factors,
        names,
        json.dumps(recipe, sort_keys=True),
        json.dumps(others, sort_keys=True),
        tuple(test.quantity(record) for test in TESTS),
    )


def design(readings: Sequence[Reading], test: Registered) -> Design | None:
    """The paired values of a test on one data set; None without any value.

    A condition is what agrees in all keys but the factor and the seed. The recipe of a
    distillation goes with the method, and with the ratio where each ratio has one: one
    alone, or where no recipe is there at all ratios, one that has more seeds than any
    other. A (condition, seed) counts where it has all levels.

    Compared are, of the sets of levels that some (condition, seed) has, the one that
    has several levels and enough seeds, then the one for which the most values count,
    then the larger one: a choice that depends on which cells were run, not on their
    values. The seeds are chosen likewise, and only conditions that have all of them
    count, so that seeds do not differ in conditions.
    Repeats of a cell are averaged, then conditions within a seed: the seed is the unit.
    """
    number = TESTS.index(test)
    blocks: dict[tuple, dict] = defaultdict(lambda: defaultdict(list))
    measured = [r for r in readings if r.values[number] is not None]
    for one, condition in zip(measured, _conditions(measured, test)):
        blocks[condition, one.seed][_level(one, test)].append(one)
    levels = _levels([(seed, set(block)) for (_, seed), block in blocks.items()])
    if levels is None:
        return None
    order = tuple(sorted(levels, key=lambda level: (level is not None, level)))
    whole = {key: block for key, block in blocks.items() if levels <= set(block)}
    whole = _balanced(whole)
    mean = lambda ones: math.fsum(one.values[number].value for one in ones) / len(ones)
    by_seed = defaultdict(list)
    for (_, seed), block in sorted(whole.items(), key=lambda item: item[0][1]):
        by_seed[seed].append([mean(block[level]) for level in order])
    used = [[o for block in whole.values() for o in block[level]] for level in order]
    count = sum(map(len, used))
    return Design(
        order,
        tuple(ones[0].names.get(test.factor or "", "") for ones in used),
        np.array([np.mean(rows, axis=0) for rows in by_seed.values()]),
        tuple(_range(one.factors["ratio"] for one in ones) for ones in used),
        len({condition for condition, _ in whole}),
        count,
        len(measured) - count,
    )


def _balanced(blocks: dict[tuple, dict]) -> dict[tuple, dict]:
    """Blocks by (condition, seed) of conditions that have all of the same seeds."""
    seeds = defaultdict(set)
    for condition, seed in blocks:
        seeds[condition].add(seed)

    def worth(chosen: frozenset) -> tuple:
        conditions = sum(chosen <= own for own in seeds.values())
        size = len(chosen)
        return size >= LEAST_SEEDS, size * conditions, size, sorted(chosen)

    common = max({frozenset(own) for own in seeds.values()}, key=worth)
    return {
        (condition, seed): block
        for (condition, seed), block in blocks.items()
        if seed in common and common <= seeds[condition]
    }


def _conditions(measured: Sequence[Reading], test: Registered) -> list[tuple]:
    """What else has to agree, of each Record with a value."""
    number = TESTS.index(test)
    others = [key for key in FACTORS if key != test.factor]
    alike = [
        (*(one.factors[k] for k in others), one.settings, one.values[number].setting)
        for one in measured
    ]
    if test.factor == "method":
        return alike
    usual = _usual_recipes(measured, alike) if test.factor == "ipc" else {}

    def recipe(one: Reading, condition: tuple) -> str:
        by_ratio = usual.get(condition, {})
        return "" if one.recipe == by_ratio.get(one.factors["ipc"]) else one.recipe

    return [(*same, recipe(one, same)) for one, same in zip(measured, alike)]


def _usual_recipes(
    measured: Sequence[Reading], conditions: Sequence[tuple]
) -> dict[tuple, dict[Any, str]]:
    """The recipe of each ratio by condition; none where equal ones are compared."""
    seeds: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
    for one, condition in zip(measured, conditions):
        seeds[condition][one.factors["ipc"]][one.recipe].add(one.seed)
    found = {}
    for condition, by_ratio in seeds.items():
        several = any(len(own) > 1 for own in by_ratio.values())
        everywhere = set.intersection(*map(set, by_ratio.values()))
        usual = {ratio: _most_seeds(own) for ratio, own in by_ratio.items()}
        if not (several and everywhere) and None not in usual.values():
            found[condition] = usual
    return found


def _most_seeds(seeds: dict[str, set]) -> str | None:
    """The recipe that more seeds have than any other; None where there is none."""
    counts = Counter({recipe: len(own) for recipe, own in seeds.items()}).most_common(2)
    tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return None if tied else counts[0][0]


def _level(one: Reading, test: Registered) -> Any:
    return one.factors[test.factor] if test.factor else None


def _levels(blocks: Sequence[tuple[float, set]]) -> frozenset | None:
    candidates = {frozenset(block) for _, block in blocks}

    def worth(levels: frozenset) -> tuple:
        whole = [seed for seed, block in blocks if levels <= block]
        enough = len(set(whole)) >= LEAST_SEEDS
        size = len(levels)
        return size > 1, enough, size * len(whole), size, sorted(map(str, levels))

    return max(candidates, key=worth, default=None)


def _range(ratios: Iterable[float | None]) -> tuple[float, float] | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return (min(known), max(known)) if known else None
