"""The folders of the runs of a sweep, found without their data and without JAX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.system import workdir
from dd_jax.types import InputError


def run_folders(root: Path, cells: Sequence[ConfigDict]) -> list[Path | None]:
    """The folder of each cell's run in a work directory; None where none was started.

    Compared are the configs that runs leave in their folders. Of several runs of one
    config, as on data that were changed, the one that was started last.

    Args:
      root: the work directory.
      cells: valid configs.
    """
    started = [(path.stat().st_mtime, path) for path in root.glob("runs/*/config.json")]
    found = {}
    for _, path in sorted(started):
        try:
            found[_name(ConfigDict(_tuples(workdir.read_json(path))))] = path.parent
        except (InputError, KeyError, TypeError, AttributeError):  # of another version
            continue
    return [found.get(_name(cell)) for cell in cells]


def _name(config: ConfigDict) -> str:
    """The run id, data left out."""
    return configs.run_id(config, "")


def _tuples(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _tuples(value) for key, value in node.items()}
    return tuple(map(_tuples, node)) if isinstance(node, list) else node
