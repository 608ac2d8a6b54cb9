"""The folder that a process works in which is not the first of a run."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_NAME = "dd_jax_host_"


def private_folder() -> Path:
    """A new folder of this process; those of processes that were killed are removed."""
    here = Path(tempfile.gettempdir())
    for left in here.glob(f"{_NAME}*"):
        if not _lives(left.name.removeprefix(_NAME).partition("_")[0]):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}{os.getpid()}_"))


def _lives(pid: str) -> bool:
    """Whether there is a process of this number, as far as that is known."""
    with suppress(ValueError, OverflowError, PermissionError):
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True
