"""What a command line says about the decision."""

from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.decision_fields import bounds
from dd_jax.report.decision import decision_files
from dd_jax.report.decision.decided import Settings
from dd_jax.types import InputError

OF_DATA = (
    "data.source",
    "data.num_classes",
    "data.validation",
    "data.imbalance",
    "data.imbalance_ratio",
    "data.colour",
    "data.correlation",
)


def decision_settings(
    cells: Sequence[ConfigDict], fail_on: str | None
) -> Settings | None:
    """What a decision on some cells is made by; None where none is wanted.

    Args:
      cells: valid configs.
      fail_on: `red`, `amber` or None.

    Raises:
      InputError: a red bound below its amber one, `fail_on` without a decision, or a
        decision on several data sets.
    """
    first = configs.flat(cells[0])
    between = bounds(first)
    if not first["decision.enabled"]:
        if fail_on:
            raise InputError(
                f"--fail_on={fail_on}: needs --config.decision.enabled=True"
            )
        return None
    for key in OF_DATA:
        values = sorted({str(configs.flat(cell)[key]) for cell in cells})
        if len(values) > 1:
            raise InputError(
                f"decision.enabled: the runs differ in {key}={values[0]} and "
                f"{values[1]}; a decision is on one data set"
            )
    return Settings(between, first["report.lang"], fail_on or "")


def failure(root: Path, settings: Settings) -> str:
    """Decides on the runs of a work directory; why the command fails, if it does.

    Raises:
      InputError: no decision can be made.
    """
    decided = decision_files.write(root, settings)
    if isinstance(decided, str):
        raise InputError(decided)
    failing = decided.failing(settings.fail_on) if settings.fail_on else []
    checks = (own for own in decided.chosen.checks if own.name in failing)
    lines = "; ".join(map(decision_files.line, checks))
    return f"--fail_on={settings.fail_on}: {lines}" if failing else ""
