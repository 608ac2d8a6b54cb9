"""Cells submitted to Slurm by submitit, as arrays of jobs under the site's limits."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from dd_jax.executors import slurm_commands as slurm
from dd_jax.executors.element import Element
from dd_jax.executors.lost import tried_again
from dd_jax.system import interruption, workdir
from dd_jax.system.locks import locked
from dd_jax.system.notice import notice
from dd_jax.system.one_line import one_line
from dd_jax.system.progress import say
from dd_jax.types import InputError

LATE = 30.0  # seconds between two looks at the queue, or tries to submit, at most
_UNSENT = re.compile(r"[0-9a-f]{32}\.pkl|\.submission_file_[0-9a-f]{32}\.sh")
_TIMEOUTS = 20  # times that a cell is resumed after it ran into the time limit

Settings = dict[str, Any]


def find_jobs(
    folder: Path,
    elements: dict[int, Element],
    settings: Settings,
    patient: bool,
    jobs: dict[int, str],
) -> None:
    """Adds jobs of the cells: those in the queue already, and others that it submits.

    Where Slurm refuses an array while others are in the queue, as a limit of jobs for
    each user makes it, the cells of this and of later arrays have no job.

    Args:
      folder: of logs and of the list of jobs.
      elements: by number of the cell.
      settings: what `checked` gave.
      patient: whether to try again later where Slurm refuses all, as where it took jobs
        of the same settings before.
      jobs: by number of the cell; none at first.

    Raises:
      InputError: Slurm does not answer, or refuses all.
    """
    said = False
    while True:
        try:
            return _find_now(folder, elements, settings, jobs)
        except InputError as error:
            if not patient:
                raise
            if not said:
                notice(f"{error}; tried again every {LATE:.0f} s until it does")
            said = True
            time.sleep(LATE)


def _find_now(
    folder: Path,
    elements: dict[int, Element],
    settings: Settings,
    jobs: dict[int, str],
) -> None:
    """`find_jobs`, tried once."""
    record = folder / "jobs.jsonl"
    before = dict(map(_submitted_before, workdir.read_jsonl(record)))
    queued = slurm.queued()
    if queued is None:
        raise InputError("Slurm does not answer (squeue); run the same command later")
    jobs |= {
        i: before[element.run_id]
        for i, element in elements.items()
        if before.get(element.run_id) in queued
    }
    new = [i for i in elements if i not in jobs]
    size = slurm.array_limit()
    for first in range(0, len(new), size):
        block = {i: elements[i] for i in new[first : first + size]}
        try:
            with (
                locked(folder),
                interruption.held(),  # until the jobs are in the list
                tried_again(element.folder for element in block.values()),
            ):
                names = _submitted(folder, [*block.values()], settings)
                jobs |= zip(block, names)
                for i in block:
                    row = {"run": elements[i].run_id, "job": jobs[i]}
                    workdir.append_jsonl(record, row)
        except InputError as error:
            if not jobs:
                raise
            notice(
                f"{error}; {len(new) - first} cells wait until the others have ended"
            )
            break
        say(f"submitted {len(block)} cells as job {names[0].split('_')[0]}")
    if before_this := len(elements) - len(new):
        say(f"{before_this} cells are in the queue already")


def _submitted_before(row: Any) -> tuple[str, str]:
    """A run and its job, of a row of the jobs; empty for a row that was damaged."""
    found = row if isinstance(row, dict) else {}
    return str(found.get("run", "")), str(found.get("job", ""))


def _submitted(folder: Path, block: list[Element], settings: Settings) -> list[str]:
    """The ids of the jobs of an array; its logs and scripts go to the folder.

    Raises:
      InputError: Slurm refuses it; nothing of it is left in the folder.
    """
    import submitit
    from submitit.core import utils

    printed = StringIO()  # what sbatch says, which the error says too
    try:
        executor = submitit.SlurmExecutor(folder, max_num_timeout=_TIMEOUTS)
        plain = {name.removeprefix("slurm_"): value for name, value in settings.items()}
        executor.update_parameters(job_name="dd_jax", **plain)
        with (
            _removed_if_refused(folder),
            redirect_stderr(printed),
            executor.batch(),
        ):
            jobs = [executor.submit(element) for element in block]
    except (utils.FailedJobError, utils.FailedSubmissionError) as error:
        raise InputError(f"Slurm refuses the jobs: {one_line(error)}") from None
    return [job.job_id for job in jobs]


@contextmanager
def _removed_if_refused(folder: Path) -> Iterator[None]:
    """Removes what submitit wrote into a folder for jobs that there will not be.

    Files of other jobs, which may begin meanwhile, have other names.
    """
    before = {*folder.glob("*")}
    try:
        yield
    except BaseException:
        for path in {*folder.glob("*")} - before:
            if _UNSENT.fullmatch(path.name):
                path.unlink(missing_ok=True)
        raise
