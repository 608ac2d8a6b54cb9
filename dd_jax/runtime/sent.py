"""Arrays and files of the first process, sent to the others of the run."""

from pathlib import Path

import numpy as np
from jax.experimental import multihost_utils

from dd_jax.runtime import hosts
from dd_jax.types import Params

_PIECE = 1 << 25  # bytes of a file that are sent at once


def arrays_of_first(tree: Params) -> Params:
    """The arrays of the first process, of which all have the structure and shapes."""
    return multihost_utils.broadcast_one_to_all(tree) if hosts.count() > 1 else tree


def file_of_first(path: Path) -> None:
    """Gives the others a file as the first process has it, or none if it has none."""
    if hosts.count() == 1:
        return
    size = hosts.of_first(lambda: path.stat().st_size if path.is_file() else -1)
    if size < 0:
        if not hosts.first():
            path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.sent")  # the old one may be mapped into memory
    with path.open("rb") if hosts.first() else new.open("wb") as file:
        for start in range(0, size, _PIECE):
            piece = np.zeros(min(_PIECE, size - start), np.uint8)
            if hosts.first():
                piece[:] = np.frombuffer(file.read(len(piece)), np.uint8)
            sent = arrays_of_first(piece)
            if not hosts.first():
                file.write(sent)
    if not hosts.first():
        new.replace(path)
