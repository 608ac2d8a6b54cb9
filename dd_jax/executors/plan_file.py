"""The plan of a work directory, kept so that the same command goes on with it."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType

from ml_collections import ConfigDict

from dd_jax.executors import time_plan
from dd_jax.executors.time_plan import Plan
from dd_jax.system import disk, workdir

NAME = "plan.json"


def planned(
    config: ConfigDict,
    given: Collection[str],
    root: Path,
    started: Callable[[], ModuleType],
) -> Plan:
    """The plan of a work directory for a config, or a new one.

    Args:
      config: with `budget_minutes`.
      given: keys that a plan keeps as they are.
      root: the work directory.
      started: gives `dd_jax.run`; called for a new one.

    Raises:
      InputError: see `time_plan.plan`.
    """
    path = root / NAME
    kept = _read(path) if path.is_file() else None
    wanted = time_plan.base_of(config, given), 60 * config.budget_minutes
    if kept and (kept.base, kept.budget) == wanted:
        return kept
    return time_plan.plan(config, given, root, started())


def _read(path: Path) -> Plan | None:
    """The plan in a file; None where it is not of this form."""
    content = workdir.read_json(path)
    same = isinstance(content, dict) and {*content} == {*Plan._fields}
    return Plan(**content) if same else None


def keep(root: Path, plan: Plan) -> None:
    """Writes a plan into a work directory."""
    disk.replace(root / NAME, json.dumps(plan._asdict(), indent=1).encode())
