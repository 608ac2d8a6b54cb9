"""A file of the cells of a sweep, a JSON object a line, for other engines to run."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.overrides import written
from dd_jax.executors.cells import Request
from dd_jax.executors.prepare import prepare_at_hand
from dd_jax.system import disk


def write(
    path: Path,
    request: Request,
    started: Callable[[], ModuleType],
    program: Sequence[str],
) -> None:
    """Writes one row for each cell, once all of them have passed their checks.

    A row is `{"id", "label", "overrides", "command"}`: the run id (null where data have
    to be fetched first), the label, the values of all keys that the command line gives
    or the sweep varies, and a command line, quoted for a shell, that runs this cell and
    no other; from the same folder, since paths are as they were given.

    Args:
      path: the file, which appears whole or not at all.
      request: the cells.
      started: gives `dd_jax.run`; called where a cell's data can be read.
      program: the command line without config keys.

    Raises:
      InputError: all cells that cannot run.
    """
    ids = {i: cell.id for i, cell in prepare_at_hand(request, started).items()}

    def rows() -> Iterator[bytes]:
        for i, (cell, label) in enumerate(zip(request.cells, request.labels)):
            own = overrides_of(cell, request.keys)
            command = shlex.join([*program, *own_flags(own)])
            row = {"id": ids.get(i), "label": label}
            row |= {"overrides": own, "command": command}
            yield (json.dumps(row) + "\n").encode()

    disk.replace(path, rows())


def overrides_of(cell: ConfigDict, keys: Sequence[str]) -> dict:
    """The values that a cell has of some dotted keys."""
    values = configs.flat(cell)
    return {key: values[key] for key in keys}


def own_flags(overrides: dict) -> list[str]:
    """Config keys as a command line has them.

    >>> own_flags({"distill.ipc": 1, "audits.robustness.attacks": ("fgsm", "square")})
    ['--config.distill.ipc=1', '--config.audits.robustness.attacks=(fgsm,square)']
    """
    return [f"--config.{key}={written(value)}" for key, value in overrides.items()]
