"""A decision: the checks of every setting, and the one that is recommended."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.report.decision.candidates import Bounds, Candidate, candidates
from dd_jax.report.decision.colours import AMBER, GREEN, fails, worst
from dd_jax.report.decision.mitigations import Mitigation, mitigations
from dd_jax.report.decision.recommendation import recommended
from dd_jax.report.decision.savings import Savings, savings
from dd_jax.report.display_names import dataset_name
from dd_jax.report.sweep_axes import ordered
from dd_jax.types import Record


class Settings(NamedTuple):
    """What a decision is made by.

    Attributes:
      bounds: amber and red bound of each number.
      lang: language of the page, `en` or `ja`.
      fail_on: `red` or `amber`, from which on a command fails (`colours.fails`), or
        empty.
    """

    bounds: Bounds
    lang: str = "en"
    fail_on: str = ""


class Decision(NamedTuple):
    """What the Records of a work directory say.

    Attributes:
      settings: what it was made by.
      candidates: every setting with its checks.
      chosen: the recommended one.
      spent: seconds and size of that one.
      tried: settings with a defence.
    """

    settings: Settings
    candidates: list[Candidate]
    chosen: Candidate
    spent: Savings
    tried: list[Mitigation]

    @property
    def overall(self) -> str:
        """The worst colour of the three checks of the recommended setting."""
        return worst(check.colour for check in self.chosen.checks)

    def of_colour(self, colour: str) -> list[str]:
        """The checks of the recommended setting that have a colour."""
        return [own.name for own in self.chosen.checks if own.colour == colour]

    @property
    def recommends(self) -> bool:
        """Whether the chosen setting may be used, under conditions at least."""
        return self.overall in (GREEN, AMBER)

    @property
    def not_known(self) -> list[str]:
        """What has to be measured: checks, and numbers of those that are known."""
        return [name for own in self.chosen.checks for name in own.not_known]

    @property
    def not_measurable(self) -> list[str]:
        """The checks that cannot be measured on the recommended setting."""
        return [own.name for own in self.chosen.checks if not own.measurable]

    def failing(self, colour: str) -> list[str]:
        """The checks of the recommended setting that fail from a colour on."""
        return [own.name for own in self.chosen.checks if fails(own.colour, colour)]


def problem(records: Sequence[Record]) -> str:
    """Why no decision can be made on some Records; empty where one can."""
    names = {
        f"{dataset_name(record)}, {record['run']['num_classes']} classes, "
        f"{record['run'].get('split') or 'test'} split"
        for record in records
    }
    if len(names) < 2:
        return "" if names else "decision: no finished run"
    first, second, *_ = sorted(names)
    return (
        f"decision: the work directory has runs of {len(names)} data sets, such as "
        f"{first} and {second}; need one: give each a --workdir"
    )


def decide(records: Sequence[Record], settings: Settings) -> Decision:
    """The decision that follows from some Records.

    Args:
      records: one or more checked Records, of which `problem` says nothing.
      settings: what it is made by.
    """
    found = candidates(ordered(records), settings.bounds)
    chosen = recommended(found)
    return Decision(
        settings, found, chosen, savings(chosen.records), mitigations(found)
    )
