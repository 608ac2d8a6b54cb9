"""The sets that a decision chooses from: settings with their three checks."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.catalogue.decision_thresholds import CHECKS, of_check
from dd_jax.report import headline, repeats
from dd_jax.report.decision.check_parts import LOADED, Part, part
from dd_jax.report.decision.colours import NOT_MEASURED, UNKNOWN, worst
from dd_jax.report.lines import pooled
from dd_jax.report.run_notes import is_loaded
from dd_jax.types import Record

Bounds = dict[str, tuple[float, float]]  # amber and red, by the name of the number


class Check(NamedTuple):
    """One of the three checks: its colour is the worst of its parts."""

    name: str
    colour: str
    parts: list[Part]

    @property
    def measurable(self) -> bool:
        """Whether it can be measured, as membership of a loaded set can not."""
        return any(part.why != LOADED for part in self.parts)

    @property
    def not_known(self) -> list[str]:
        """Its name where it has to be measured, else the numbers of it that have to."""
        if self.colour == UNKNOWN:
            return [self.name] if self.measurable else []
        return [part.name for part in self.parts if part.colour == UNKNOWN]


class Candidate(NamedTuple):
    """A setting: runs that differ in the seed alone.

    Attributes:
      setting: what differs from other settings, as texts by key.
      records: its runs.
      checks: accuracy, membership, robustness.
      accuracy: of networks on its sets.
    """

    setting: dict[str, str]
    records: list[Record]
    checks: list[Check]
    accuracy: dict | None

    @property
    def ipc(self) -> float:
        """Images per class."""
        return self.records[0]["run"]["ipc"]

    @property
    def loaded(self) -> bool:
        """Whether the set was made elsewhere."""
        return is_loaded(self.records[0])

    @property
    def parts(self) -> dict[str, Part]:
        """The numbers of all checks, by name."""
        return {part.name: part for check in self.checks for part in check.parts}

    @property
    def gain(self) -> dict | None:
        """Accuracy of the set less that of a random subset of the same size."""
        return self.parts["accuracy_loss"].found.get("gain")

    @property
    def gains_nothing(self) -> bool:
        """Whether this gain is not above zero with its interval."""
        return headline.all_above(self.gain, 0.0) is False

    @property
    def measured(self) -> int:
        """How many of the numbers were measured."""
        return sum(part.why != NOT_MEASURED for part in self.parts.values())


def candidates(records: Sequence[Record], bounds: Bounds) -> list[Candidate]:
    """The settings of some Records, in the order in which they come.

    Args:
      records: checked Records of one data set.
      bounds: of every number.
    """
    keys, values, _ = repeats.settings(records)
    found: dict[tuple[str, ...], list[Record]] = {}
    for record, own in zip(records, values):
        found.setdefault(own, []).append(record)
    return [
        Candidate(
            dict(zip(keys, own)),
            members,
            [_check(name, members, bounds) for name in CHECKS],
            pooled([headline.accuracy(record) for record in members]),
        )
        for own, members in found.items()
    ]


def _check(name: str, members: list[Record], bounds: Bounds) -> Check:
    parts = [part(t.name, members, *bounds[t.name]) for t in of_check(name)]
    return Check(name, worst(part.colour for part in parts), parts)
