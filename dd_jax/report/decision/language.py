"""Sentences and numbers in the language of the page."""

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.catalogue.decision_thresholds import THRESHOLDS
from dd_jax.report.formats import Cell
from dd_jax.report.records import estimate

DIGITS = {"percent": 1, "points": 1, "decimal": 3}


@lru_cache(maxsize=2)
def catalogue(code: str) -> dict[str, str]:
    """The messages of a language by key, from the file `CODE.toml` beside this one.

    The reasons of the thresholds are in English in their table, and translated there.
    """
    file = Path(__file__).with_name(f"{code}.toml")
    reasons = {f"source_{threshold.name}": threshold.why for threshold in THRESHOLDS}
    return reasons | tomllib.loads(file.read_text(encoding="utf-8"))


class Language(NamedTuple):
    """A language by its code, as `report.lang` has it."""

    code: str

    def say(self, key: str, **values: Any) -> str:
        """A message with its placeholders filled in.

        >>> Language("en").say("key_ipc", n=10)
        '10 images per class'
        """
        return catalogue(self.code)[key].format(**values)

    def knows(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in catalogue(self.code)

    def number(self, value: Any, unit: str) -> str:
        """The mean of an estimate, or a bare number, in `percent points decimal`.

        >>> Language("en").number({"mean": 0.955, "ci": [0.95, 0.96]}, "percent")
        '95.5 %'
        """
        known = estimate(value)
        if known is None:
            return self.say("none")
        return self.say(unit, n=_digits(known["mean"], unit))

    def full(self, value: Any, unit: str) -> str:
        """A number with its interval in the same sentence.

        >>> Language("en").full({"mean": 0.955, "ci": [0.95, 0.96]}, "percent")
        '95.5 % (95 % interval 95.0 to 96.0)'
        """
        known, mean = estimate(value), self.number(value, unit)
        if known is None:
            return mean
        if known["ci"] is None:
            return self.say("no_interval", mean=mean)
        low, high = (_digits(bound, unit) for bound in _shown(known["ci"], unit))
        return self.say("interval", mean=mean, low=low, high=high)

    def cell(self, value: Any, unit: str) -> Cell:
        """A number with its interval beneath it, for a table."""
        known = estimate(value)
        if known is None or known["ci"] is None:
            return Cell(self.number(value, unit))
        low, high = (_digits(bound, unit) for bound in _shown(known["ci"], unit))
        return Cell(self.number(value, unit), self.say("range", low=low, high=high))

    def duration(self, seconds: float | None) -> str:
        """Seconds, minutes or hours.

        >>> Language("en").duration(90), Language("en").duration(7260)
        ('1 min 30 s', '2 h 1 min')
        """
        if seconds is None:
            return self.say("none")
        if seconds < 1:
            return self.say("seconds", s=f"{seconds:.2g}")
        if seconds < 59.95:  # what rounds to 60.0 is a minute
            return self.say("seconds", s=f"{seconds:.1f}")
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return self.say("minutes", m=minutes, s=rest)
        return self.say("hours", h=minutes // 60, m=minutes % 60)

    def listed(self, words: Sequence[str]) -> str:
        """Words as a list in a sentence.

        >>> Language("en").listed(["a", "b", "c"])
        'a, b and c'
        """
        if len(words) < 2:
            return "".join(words)
        first = self.say("comma").join(words[:-1])
        return self.say("and", first=first, last=words[-1])

    def paragraph(self, sentences: Sequence[str]) -> str:
        """Sentences after one another."""
        return self.say("between").join(filter(None, sentences))


def _digits(value: float, unit: str) -> str:
    scale = 1 if unit == "decimal" else 100
    return f"{value * scale:z.{DIGITS[unit]}f}"


def _shown(ci: Sequence[float], unit: str) -> list[float]:
    """Bounds of an interval; those of a share do not leave 0 to 100 %."""
    return [min(max(b, 0.0), 1.0) if unit == "percent" else b for b in ci]
