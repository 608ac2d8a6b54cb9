"""From a command line and a config file to the cells that are to be run."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from absl import flags

from dd_jax import config as configs
from dd_jax.config import sweep
from dd_jax.config.sweep import Experiment
from dd_jax.executors import plan_file
from dd_jax.executors.cells import Request
from dd_jax.executors.deciding import decision_settings
from dd_jax.system import destination
from dd_jax.types import InputError


def requested(
    known: flags.FlagValues,
    given: dict[str, Any],
    module: ModuleType | None,
    started: Callable[[], ModuleType],
) -> Request:
    """The cells of a command line.

    Args:
      known: its flags.
      given: the config keys on it.
      module: the config file, if any.
      started: gives `dd_jax.run`; called where there is a time budget to plan for.

    Raises:
      InputError: wrong values, or a budget with what it cannot be planned for.
    """
    name = Path(known.config).stem if module else "quickstart"
    base = configs.override(configs.default(), given, "command line")
    found = sweep.experiment(module, given) if module else Experiment(base, [{}])
    root = destination.results_folder(known.workdir or str(Path("runs_out", name)))
    plan = None
    if found.config.budget_minutes:
        _check(known, found)
        kept = {*given, *configs.changed(found.config)}
        plan = plan_file.planned(found.config, kept, root, started)
        found = found._replace(points=plan.points)
    cells = sweep.expand(found.config, found.points, given)
    labels = sweep.labels(cells) if len(cells) > 1 else [name]
    heads = [f"[{i}/{len(cells)}] {label}" for i, label in enumerate(labels, 1)]
    varied = (key for point in found.points for key in point)
    keys = tuple(dict.fromkeys([*given, *varied]))
    elsewhere = known.manifest or (known.executor == "slurm" and not known.estimate)
    return Request(cells, heads, root, keys, plan, bool(elsewhere))


def _check(known: flags.FlagValues, found: Experiment) -> None:
    """Refuses a budget for what is not one process that may choose its runs."""
    configs.validate(found.config)
    decision_settings([found.config], known.fail_on)
    budget = f"budget_minutes={found.config.budget_minutes:g}"
    if found.points != [{}]:
        raise InputError(f"{budget}: {known.config} has a sweep of its own; take 0")
    if known.executor != "inline" or known["distributed"].value != "off":
        raise InputError(
            f"{budget}: runs are made in this process; leave --executor and "
            "--distributed out"
        )
