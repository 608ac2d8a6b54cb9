"""Cells whose process ended without saying how: the reason is written for them."""

from contextlib import suppress
from pathlib import Path

from dd_jax.system import locks, workdir
from dd_jax.system.locks import Busy


def record_loss(folder: Path, reason: str) -> None:
    """Marks a run as failed that says that it is running, unless a process runs it.

    What it has computed stays; the same command resumes it.

    Args:
      folder: of the run.
      reason: why it ended.
    """
    with suppress(Busy), locks.exclusive(folder):
        row = workdir.read_status(folder)
        if row is None or row["status"] == "running":
            workdir.write_status(folder, "failed", reason)
