"""The folders of the runs of a sweep, found without their data and without JAX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.report import completed
from dd_jax.system import workdir
from dd_jax.types import InputError


def run_folders(root: Path, cells: Sequence[ConfigDict]) -> list[Path | None]:
    """The folder of each cell's run in a work directory; None where none was started.

    Compared are the configs that runs leave in their folders, or in their Records where
    those are lost. Of several runs of one config, as on data that were changed, the one
    that was started last.

    Args:
      root: the work directory.
      cells: valid configs.
    """
    found = {}
    for folder in sorted(root.glob("runs/*"), key=_began):
        try:
            found[_name(_config(folder))] = folder
        except (InputError, KeyError, TypeError, AttributeError):  # of another version
            continue
    return [found.get(_name(cell)) for cell in cells]


def _began(folder: Path) -> tuple[float, Path]:
    """When a run was started, or else ended; and its folder."""
    times = (folder / name for name in ("config.json", completed.RECORD))
    return next((path.stat().st_mtime for path in times if path.is_file()), 0.0), folder


def _config(folder: Path) -> ConfigDict:
    """The config of a run.

    Raises:
      InputError: neither its config nor its Record can be read.
    """
    try:
        return ConfigDict(_tuples(workdir.read_json(folder / "config.json")))
    except InputError:
        changed = workdir.read_json(folder / completed.RECORD)["run"]["config"]
        return configs.override(configs.default(), _tuples(changed), completed.RECORD)


def _name(config: ConfigDict) -> str:
    """The run id, data left out."""
    return configs.run_id(config, "")


def _tuples(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _tuples(value) for key, value in node.items()}
    return tuple(map(_tuples, node)) if isinstance(node, list) else node
