"""The config keys of the decision: whether one is made, and its thresholds."""

from typing import Any

from dd_jax.catalogue.decision_thresholds import THRESHOLDS, Threshold
from dd_jax.catalogue.lookup import Option
from dd_jax.catalogue.rules import FLAG, Rule
from dd_jax.types import InputError


def _within(threshold: Threshold) -> Rule:
    low, high = threshold.least, threshold.most
    return Rule(lambda v: low <= v <= high, f"in [{low:g}, {high:g}]")


DECISION = (
    Option(
        "decision.enabled",
        False,
        "decide on the runs of the work directory: a page at the top of report.html, "
        "decision.json and junit.xml",
        FLAG,
        changes_results=False,
    ),
    *(
        Option(
            f"decision.{threshold.name}.{bound}",
            getattr(threshold, bound),
            f"{threshold.what}: {bound} above this",
            _within(threshold),
            changes_results=False,
        )
        for threshold in THRESHOLDS
        for bound in ("amber", "red")
    ),
)


def bounds(values: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """The amber and red bound of each number, by its name.

    Args:
      values: a config's keys and values, dotted.

    Raises:
      InputError: a red bound is below its amber one.
    """
    found = {}
    for threshold in THRESHOLDS:
        key = f"decision.{threshold.name}"
        amber, red = values[f"{key}.amber"], values[f"{key}.red"]
        if red < amber:
            raise InputError(
                f"config: {key}.red={red}: must be at least {key}.amber={amber}"
            )
        found[threshold.name] = amber, red
    return found
