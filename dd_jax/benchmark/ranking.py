"""The page that ranks published sets by data set and images a class."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from dd_jax.benchmark.kept import Kept
from dd_jax.benchmark.published_set import PublishedSet, data_name, stated
from dd_jax.config import RESULTS_VERSION
from dd_jax.report import headline
from dd_jax.report.blocks import Block, Caption, Grid, Notes, Table, Text
from dd_jax.report.control_names import HARD_LABELS, NAMES
from dd_jax.report.display_names import dataset_name, run_value, set_size_text
from dd_jax.report.formats import (
    NOT_MEASURED,
    Cell,
    decimal,
    kilobytes,
    percent,
    points,
)
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

HOW = (
    "Each set as published, in 8 bits, evaluated again by the training recipe that it "
    "states; ranked by accuracy, with 95 % intervals over networks. Sets of one table "
    "share data and evaluation rows, not width, training rows and epochs. Record: the "
    "accuracy of the run that made the set, in 8 bits where that was measured, and "
    "whether the accuracy found again lies in its interval, as it does for the same "
    "networks, and nine times in ten for as many others. Random subsets have hard "
    "labels and take as many epochs as the set, which are fewer steps where a stored "
    "image holds several. Full data, the best control of other images on these rows, "
    "minutes of distillation with its experts, teacher and releases, membership "
    "(AUC of the strongest attack) and accuracy under PGD are those of the run that "
    "made the set; a dash where it did not measure them, or where the set was made "
    "elsewhere or names the Record of another method, data or size. Images take 8 "
    "bits a value, hard labels a byte each, soft ones four a class, and as much for "
    "each view that has labels of its own."
)
_NO_ROW = "-"
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
        return _NO_ROW
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
    return sorted(each_row, key=lambda row: (*_group(row), -_accuracy(row)))


def _accuracy(row: Ranked) -> float:
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


def _group(row: Ranked) -> tuple:
    """What sets have to have in common to be ranked: data, classes, size, rows."""
    of = row.found["run"]
    uneven = of["dataset"].partition(" (")[2]  # the training rows, by their name
    data = row.published.data or dataset_name(row.found)
    key = data, uneven, of["num_classes"], of["split"], of["ipc"], row.rows
    return *key, -_version(row)


def _version(row: Ranked) -> int:
    return row.found["run"].get("results_version") or 0


def _title(row: Ranked) -> str:
    of, recipe = row.found["run"], row.published.recipe
    words = [dataset_name(row.found), f"{of['num_classes']} classes"]
    words += [set_size_text(row.found), f"{of['split']} rows"]
    if side := recipe.get("data.image_size"):
        words.append(f"{side}x{side}")
    if share := recipe.get("data.validation"):
        words.append(f"share {share:g}")
    if (version := _version(row)) != RESULTS_VERSION:
        words.append(f"results version {version or 'unknown'}")
    return ", ".join(words)


def _control(row: Ranked) -> str | Cell:
    """The best control of other images, of the run that made the set."""
    known = {*NAMES} - {HARD_LABELS}
    rows = lookup(row.made, "controls", "controls") or []
    rows = [control for control in rows if control["name"] in known]
    best = max(rows, key=lambda c: headline.mean(c.get("accuracy")) or 0.0, default={})
    if not estimate(best.get("accuracy")):
        return _NO_ROW
    return f"{NAMES[best['name']].short} {percent(best['accuracy']).text}"


def _minutes(row: Ranked) -> str:
    seconds = headline.making_seconds(row.made)
    return _NO_ROW if seconds is None else f"{seconds / 60:.1f}"


def _membership(row: Ranked) -> str:
    attack = headline.membership(row.made)
    return f"{decimal(attack.auc)} {attack.threat.upper()}" if attack else _NO_ROW


def _robust(row: Ranked) -> str:
    attack = headline.robustness(row.made)
    known = attack and f"{percent(attack.accuracy)} at Linf {attack.eps:.3g}"
    return known or _NO_ROW


def _size(row: Ranked, part: str) -> str:
    count = lookup(row.found, "run", "bytes", part)
    return _NO_ROW if count is None else kilobytes(count)


COLUMNS: tuple[tuple[str, Callable[[Ranked], str | Cell]], ...] = (
    ("set", lambda row: row.published.name),
    ("method", lambda row: run_value(row.made or row.found, "method")),
    ("architecture", lambda row: run_value(row.found, "arch")),
    ("width", lambda row: run_value(row.found, "width")),
    ("training rows", lambda row: str(row.published.recipe.get("data.rows") or "all")),
    ("epochs", lambda row: str(row.published.recipe.get("train.epochs", _NO_ROW))),
    ("accuracy", lambda row: percent(headline.accuracy(row.found))),
    ("Record", lambda row: percent(stated(row.made))),
    ("found again", compared),
    (
        "random subset",
        lambda row: percent(headline.accuracy(row.found, "random_subset")),
    ),
    ("best control", _control),
    ("full data", lambda row: percent(headline.accuracy(row.made, "full_data"))),
    ("minutes", _minutes),
    ("membership", _membership),
    ("accuracy under PGD", _robust),
    ("images", partial(_size, part="images")),
    ("labels", partial(_size, part="labels")),
)


def page(rows: Sequence[Ranked], reasons: Mapping[str, str]) -> list[Block]:
    """The blocks of the page.

    Args:
      rows: as `ranked` gives them.
      reasons: why the other sets were not evaluated, by name.
    """
    blocks: list[Block] = [Text(HOW)]
    groups = [[*group] for _, group in groupby(rows, _group)]
    titles = [_title(group[0]) for group in groups]
    for title, of_group in zip(titles, groups):
        if titles.count(title) > 1:
            title += f" {of_group[0].rows}"
        head = ("rank", *(heading for heading, _ in COLUMNS))
        better = sorted(-_accuracy(row) for row in of_group)
        cells = [
            (
                str(bisect_left(better, -_accuracy(row)) + 1),
                *(_known(cell(row)) for _, cell in COLUMNS),
            )
            for row in of_group
        ]
        blocks += [Caption(title), Grid(title, Table(head, cells))]
    if reasons:
        lines = [f"{name}: {_public(reasons[name])}" for name in sorted(reasons)]
        blocks += [Caption("Not evaluated"), Notes(lines)]
    return blocks


def summary(rows: Sequence[Ranked], reasons: Mapping[str, str]) -> str:
    """How many sets were evaluated, and how many are inside of intervals, in a line."""
    verdicts = [compared(row) for row in rows]
    inside = verdicts.count("inside")
    outside = sum(words.startswith("outside") for words in verdicts)
    return (
        f"{len(rows)} of {len(rows) + len(reasons)} sets evaluated: {inside} inside "
        f"the interval of their Record, {outside} outside"
    )


def _known(cell: str | Cell) -> str | Cell:
    return _NO_ROW if str(cell) in (NOT_MEASURED, "not recorded") else cell


def _public(reason: str) -> str:
    """A reason without the paths of who ran the benchmark."""
    return reason if without_paths(reason) == reason else "refused on this machine"
