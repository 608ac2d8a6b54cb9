"""Levels of a verdict, and conditions that exclude the best level."""

from collections.abc import Callable
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.formats import percent
from dd_jax.report.headline import above
from dd_jax.report.records import estimate
from dd_jax.types import Record

GO, CAUTION, NO_GO, UNKNOWN = "go", "caution", "no-go", "not measured"
LEVELS = (NO_GO, CAUTION, GO, UNKNOWN)  # worst first

NO_BOUND = (
    " Full-data training is less accurate than the distilled set, so it is no upper "
    "bound here, and the level is at most caution."
)
AT_CHANCE = (
    " The distilled model is not significantly above chance ({}), so the level is at "
    "most caution: it has learned too little."
)
NO_BOUND_TOO = " Full data is no upper bound here: see accuracy."


class Verdict(NamedTuple):
    """One line of the verdict: what was found, by which rule, and its limits."""

    topic: str
    level: str
    finding: str
    rule: str
    limits: str


def capped(
    record: Record,
    level: str,
    finding: str,
    *others: dict | None,
    short: str | None = None,
) -> tuple[str, str]:
    """Level and finding, with what rules out a go whatever the rule says.

    Args:
      record: of the run.
      level: by the rule.
      finding: by the rule.
      *others: accuracies beside the distilled model's that must lie above chance.
      short: what to say where full-data training is no upper bound; None where the
        verdict is no comparison with it.

    Returns:
      At most caution, and why, for a distilled model that is not above chance, or
      where full-data training is less accurate.
    """
    known = [headline.accuracy(record), *others]
    limits = []
    if any(headline.above_chance(record, value) is False for value in known):
        limits.append(AT_CHANCE.format(percent(headline.chance(record)).text))
    if short is not None and headline.full_data_falls_short(record):
        limits.append(short)
    level = CAUTION if level == GO and limits else level
    return level, "".join([finding, *limits])


def not_below(value: float, other: float) -> bool:
    """Whether a number is no smaller than another, by more than rounding.

    >>> not_below(0.63 / 0.7, 0.9)
    True
    """
    return not above(other, value)


def estimate_text(value: dict | None, form: Callable = percent) -> str:
    """A number with its interval, or a note that it has none."""
    shown = form(value)
    if shown.detail:
        return f"{shown.text} (95 % interval {shown.detail})"
    single = (estimate(value) or {}).get("n") == 1
    return f"{shown.text} (one net, no interval)" if single else shown.text
