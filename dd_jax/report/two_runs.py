"""Two runs side by side: what they differ in, their numbers, differences, intervals."""

from collections.abc import Collection, Iterable, Sequence

from dd_jax.report.blocks import Block, Caption, Grid, Notes, Table, Text
from dd_jax.report.formats import Cell
from dd_jax.report.headline import above
from dd_jax.report.intervals import difference
from dd_jax.report.run_numbers import Number, Place, numbers
from dd_jax.report.run_page import title
from dd_jax.report.run_settings import differing
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

SAME, NO_INTERVAL, UNCLEAR = "same estimate", "no interval", "includes zero"
HIGHER, LOWER = "excludes zero: B is higher", "excludes zero: B is lower"
SETTINGS = ("setting", "A", "B")
COLUMNS = ("number", "training data", "A", "B", "B - A", "interval of B - A")
LONGEST = 400  # characters of the title of a run
METHOD = (
    "B - A is the difference d of the two means, with a 95 % interval from "
    "d - sqrt((mean B - low B)^2 + (high A - mean A)^2) to "
    "d + sqrt((high B - mean B)^2 + (mean A - low A)^2) (Zou and Donner 2008), which "
    "holds for intervals that are not symmetric too; for Student-t intervals it is "
    "never narrower than that of Welch (1947). It takes the two runs for independent. "
    "Runs of one seed share data and are positively dependent: for them it is too wide "
    "rather than too narrow."
)
LIMITS = (
    "An interval of a run with one synthetic set is over its networks: it does not "
    "cover another set or seed. Where the runs do not differ, about 1 interval in 20 "
    "excludes zero all the same. Membership is that of the attack with the largest AUC "
    "in each run, which is biased upwards in both. Equal estimates are mostly of "
    "networks that both runs share."
)


def blocks(first: Record, second: Record) -> list[Block]:
    """The comparison of two runs as parts of a page.

    First the settings that differ, then a row for each number that both have, then in
    one line what only one has, then how the intervals are made.

    Args:
      first: a checked Record, A, its texts not cut.
      second: another, B.
    """
    a, b = numbers(first), numbers(second)
    shared = [_row(place, a[place], b[place]) for place in a if place in b]
    runs = [f"{name}: {_run(own)}." for name, own in zip("AB", (first, second))]
    lacking = [
        f"Only in {name}: {'; '.join(labels)}."
        for name, labels in (("A", _missing(a, b)), ("B", _missing(b, a)))
        if labels
    ]
    return [
        Notes(runs),
        *_table("Settings that differ", SETTINGS, differing(first, second)),
        *_table("Numbers of both", COLUMNS, shared),
        *([Text(" ".join(lacking))] if lacking else []),
        Text(METHOD, small=True),
        Text(LIMITS, small=True),
    ]


def _run(record: Record) -> str:
    return printable(f"{title(record)} (run {record['run']['id']})", LONGEST)


def reading(first: dict, second: dict) -> str:
    """What the interval of a difference says, in words.

    >>> a = {"mean": 0.5, "ci": [0.4, 0.6], "n": 5}
    >>> reading(a, {"mean": 0.9, "ci": [0.8, 1.0], "n": 5})
    'excludes zero: B is higher'
    >>> reading(a, {"mean": 0.6, "ci": [0.5, 0.7], "n": 5})
    'includes zero'
    """
    if first == second:
        return SAME
    low, high = difference(second, first)["ci"] or (None, None)
    if low is None:
        return NO_INTERVAL
    return HIGHER if above(low, 0) else LOWER if above(0, high) else UNCLEAR


def _row(place: Place, a: Number, b: Number) -> tuple[str | Cell, ...]:
    found = difference(b.estimate, a.estimate)
    words = reading(a.estimate, b.estimate)
    if words == SAME:  # an interval of independent runs would be of no use
        found["ci"] = None
    attacks = dict.fromkeys(own.attack for own in (a, b) if own.attack)
    return (
        Cell(place.name, " / ".join(attacks)),
        place.network or "-",
        a.form.value(a.estimate),
        b.form.value(b.estimate),
        a.form.difference(found),
        words,
    )


def _missing(own: Iterable[Place], other: Collection[Place]) -> list[str]:
    """What the other run lacks: parts, else networks of parts, else numbers."""
    parts = {place.part for place in other}
    networks = {place[:2] for place in other}
    found = {}
    for place in own:
        if place.part not in parts:
            found[place.part] = None
        elif place[:2] not in networks:
            found[f"{place.part}, {place.network}"] = None
        elif place not in other:
            found[", ".join(filter(None, place))] = None
    return list(found)


def _table(title: str, columns: Sequence[str], rows: Sequence) -> list[Block]:
    shown = Grid(title, Table(columns, rows)) if rows else Text("None.")
    return [Caption(title), shown]
