"""Cells whose process ended without saying how: the reason is written for them."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dd_jax.system import disk, locks, workdir


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


@contextmanager
def tried_again(folders: Iterable[Path]) -> Iterator[None]:
    """Marks runs that failed as running; where the block raises, as they were.

    How they end is then read of the attempt that the block starts, not of an earlier
    one. Runs of other processes are left alone.
    """
    before: dict[Path, dict] = {}
    try:
        for folder in folders:
            if not _failed(folder):
                continue
            with suppress(locks.Busy), locks.exclusive(folder):
                if row := _failed(folder):  # still, once nothing else runs it
                    workdir.write_status(folder, "running")
                    before[folder] = row
        yield
    except BaseException:
        for folder, row in before.items():
            with suppress(locks.Busy, disk.WriteError), locks.exclusive(folder):
                workdir.write_json(folder / "status.json", row)
        raise


def _failed(folder: Path) -> dict | None:
    """The status of a run that failed; None of any other."""
    row = workdir.read_status(folder)
    return row if row and row["status"] in ("failed", "diverged", "damaged") else None


def how_ended(code: int, flag: str) -> str:
    """How a process ended, from its exit status.

    Args:
      code: the exit status; below 0 the number of a signal.
      flag: what to do about its flags where memory ran out.

    >>> how_ended(2, ""), how_ended(-15, "")
    ('ended with status 2', 'was killed by SIGTERM')
    """
    if code >= 0:
        return f"ended with status {code}"
    killed = f"was killed by {signal.Signals(-code).name}"
    if code != -signal.SIGKILL:
        return killed
    return f"{killed}, as where memory runs out; then {to_fit(flag)}"


def to_fit(flag: str) -> str:
    """What to do where a cell ran out of memory.

    >>> to_fit("raise --slurm.mem")[-33:]
    'model.width, or raise --slurm.mem'
    """
    return (
        "lower distill.batch_real (mtt: distill.mtt.batch_student), distill.ipc, "
        f"train.batch or model.width, or {flag}"
    )
