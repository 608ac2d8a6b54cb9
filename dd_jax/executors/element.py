"""An element of a job array: one cell of a sweep, in a process of its own."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.executors.lost import how_ended, record_loss
from dd_jax.executors.worker import answered, sent

MORE_MEMORY = "raise --slurm.mem"
_GRACE = 600.0  # seconds after which a job that was stopped is given up


class Element(NamedTuple):
    """What a job runs; it can be started again at any time and then resumes.

    Attributes:
      command: starts a worker on the sweep.
      number: of the cell.
      run_id: of its run.
      folder: of its run.
      cwd: where the command is started.
    """

    command: tuple[str, ...]
    number: int
    run_id: str
    folder: Path
    cwd: Path

    def __call__(self) -> str:
        """Runs the cell and returns how it ended; a failure is recorded by its run."""
        child = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.cwd,
        )
        try:
            out, _ = child.communicate(sent(self.number, self.run_id))
        except BaseException:
            child.kill()
            child.wait()
            raise
        try:
            end = answered(out)
        except ValueError:
            return self._lost(child.returncode)
        if end.error:
            record_loss(self.folder, end.error)
        return end.text

    def checkpoint(self) -> Any:
        """What submitit runs after it queued the job again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _lost(self, code: int) -> str:
        if code in _STOPPED:  # Slurm ends this job, or queues it again: wait for that
            time.sleep(_GRACE)
        why = f"its process {how_ended(code, MORE_MEMORY)}"
        record_loss(self.folder, why)
        return why


_STOPPED = {
    code
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
    for code in (-number, 128 + number)
}
