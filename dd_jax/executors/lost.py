"""Cells whose process ended without saying how: the reason is written for them."""

import signal
from pathlib import Path

from dd_jax.system import locks, workdir


def record_loss(folder: Path, reason: str) -> None:
    """Marks a run as failed that says that it is running, or says nothing.

    What it has computed stays; the same command resumes it.

    Args:
      folder: of the run.
      reason: why it ended.

    Raises:
      Busy: another process runs it.
    """
    with locks.exclusive(folder):
        row = workdir.read_status(folder)
        if row is None or row["status"] == "running":
            workdir.write_status(folder, "failed", reason)


def how_ended(code: int) -> str:
    """How a process ended, from its exit status.

    >>> how_ended(-9), how_ended(2)
    ('was killed by SIGKILL, as where memory runs out', 'ended with status 2')
    """
    if code >= 0:
        return f"ended with status {code}"
    memory = ", as where memory runs out" if code == -signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-code).name}{memory}"
