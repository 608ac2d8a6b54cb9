"""Published sets, evaluated again, by data set, images a class and accuracy."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dd_jax.benchmark.kept import Kept
from dd_jax.benchmark.published_set import PublishedSet, data_name, stated
from dd_jax.report import headline
from dd_jax.report.display_names import dataset_name
from dd_jax.report.formats import points
from dd_jax.report.records import estimate
from dd_jax.types import Record

NO_VALUE = "-"
_ITS_OWN = ("method", "num_classes", "ipc")


class Ranked(NamedTuple):
    """A set that was evaluated again.

    Attributes:
      published: the set.
      found: the Record of its evaluation.
      made: that of the run that made it; empty where it was made elsewhere.
      rows: a digest of those that it was evaluated on.
    """

    published: PublishedSet
    found: Record
    made: Record
    rows: str


def verdict(found: dict | None, made: dict | None) -> str:
    """Whether an accuracy lies in the interval of another, and by how much it does not.

    Args:
      found: the accuracy that was found again.
      made: that of the Record.

    >>> interval = {"mean": 0.8, "ci": [0.79, 0.81], "n": 5}
    >>> verdict({"mean": 0.79}, interval), verdict({"mean": 0.774}, interval)
    ('inside', 'outside by 1.6 points')
    >>> verdict({"mean": 0.8}, {"mean": 0.8}), verdict({"mean": 0.8}, None)
    ('no interval', '-')
    """
    ours, theirs = estimate(found), estimate(made)
    if ours is None or theirs is None:
        return NO_VALUE
    if theirs["ci"] is None:
        return "no interval"
    low, high = theirs["ci"]
    off = max(low - ours["mean"], ours["mean"] - high)
    outside = headline.above(off, 0.0)
    return f"outside by {points(off).text}" if outside else "inside"


def compared(row: Ranked) -> str:
    """The verdict on a set."""
    return verdict(headline.accuracy(row.found), stated(row.made))


def ranked(
    sets: Sequence[PublishedSet], found: Mapping[str, Kept], made: Mapping[str, Record]
) -> list[Ranked]:
    """The evaluated sets by data set and size, the most accurate of each first.

    Args:
      sets: all of them.
      found: their evaluations, by name of the set.
      made: Records of the runs that made them, by id; one of another method, data
        or size counts not.
    """
    each_row = []
    for each in (each for each in sets if each.name in found):
        record, rows = found[each.name]
        again = _named(record, each.recipe.get("data.source"))
        own = _its_own(made.get(each.record), again)
        each_row.append(Ranked(each, again, own, rows))
    return sorted(each_row, key=lambda row: (*group(row), -accuracy(row)))


def accuracy(row: Ranked) -> float:
    """That which was found again, 0 without any."""
    return headline.mean(headline.accuracy(row.found)) or 0.0


def _named(found: Record, stated: str | None) -> Record:
    """A Record with its data named as the set names them, wherever they lie here."""
    run = found["run"]
    here = run.get("config", {}).get("data.source")
    if not (here and stated and run["dataset"].startswith(here)):
        return found
    return found | {"run": run | {"dataset": stated + run["dataset"][len(here) :]}}


def _its_own(made: Record | None, found: Record) -> Record:
    """The Record that a set names, if it can be that of the run that made it."""
    own = lambda run: (*map(run.get, _ITS_OWN), data_name(run["dataset"]))
    return made if made and own(made["run"]) == own(found["run"]) else {}


def group(row: Ranked) -> tuple:
    """What sets have to have in common to be ranked: data, classes, size, rows."""
    of = row.found["run"]
    uneven = of["dataset"].partition(" (")[2]  # the training rows, by their name
    data = row.published.data or dataset_name(row.found)
    key = data, uneven, of["num_classes"], of["split"], of["ipc"], row.rows
    return *key, -results_version(row)


def results_version(row: Ranked) -> int:
    """That of the evaluation, 0 where it is not recorded."""
    return row.found["run"].get("results_version") or 0


def summary(rows: Sequence[Ranked], reasons: Mapping[str, str]) -> str:
    """How many sets were evaluated, and how many are inside of intervals, in a line."""
    verdicts = [compared(row) for row in rows]
    inside = verdicts.count("inside")
    outside = sum(words.startswith("outside") for words in verdicts)
    return (
        f"{len(rows)} of {len(rows) + len(reasons)} sets evaluated: {inside} inside "
        f"the interval of their Record, {outside} outside"
    )
