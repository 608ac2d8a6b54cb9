"""Cells as jobs of a Slurm cluster, in arrays; submitit submits and requeues them.

Each element of an array runs one cell. The jobs do not need the launcher: where it
ends, they go on, and the same command finds them again.
"""

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dd_jax.executors import slurm_commands as slurm
from dd_jax.executors.cells import ALREADY_DONE, End, busy, failed, full, read_back
from dd_jax.executors.element import MORE_MEMORY, Element
from dd_jax.executors.lost import record_loss, to_fit
from dd_jax.executors.options import DEFAULT_TIME
from dd_jax.executors.rounds import in_rounds, sorted_out
from dd_jax.executors.slurm_submission import LATE, Settings, find_jobs
from dd_jax.executors.watch import Watcher
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.locks import Busy
from dd_jax.system.notice import notice
from dd_jax.system.one_line import one_line
from dd_jax.types import InputError

_WARNED = 90  # seconds before its time limit in which a job is queued again
_SOON = 2.0  # seconds between two looks at the queue, at first
_PACKAGE = Path(__file__).parents[2]


def checked(given: Settings, root: Path) -> Settings:
    """The parameters of submitit from flags, once Slurm accepts them.

    Args:
      given: values of the flags `--slurm.NAME` by name; None for those left out.
      root: the work directory.

    Raises:
      InputError: no Slurm, a setting that it refuses, or a folder nodes do not see.
    """
    slurm.require_commands()
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise InputError(
            "--executor=slurm needs submitit; pip install 'dd_jax[slurm]'"
        ) from None
    names = ("partition", "account", "qos", "gres", "mem", "cpus")
    flags = {name: given[name] for name in names if given[name] is not None}
    sbatch = {"cpus": "cpus-per-task"}
    if given["time"] is not None:
        slurm.minutes(given["time"])
    slurm.require_accepted([f"--{sbatch.get(k, k)}={v}" for k, v in flags.items()])
    slurm.require_account(given["account"], given["partition"])
    limit = slurm.within(given["time"], DEFAULT_TIME, given["partition"])
    slurm.require_visible(root, given["partition"])
    parameters = {f"slurm_{k}": v for k, v in flags.items() if k != "cpus"}
    if "cpus" in flags:  # since 22.05 srun does not take it from sbatch
        parameters["slurm_cpus_per_task"] = flags["cpus"]
        parameters["slurm_srun_args"] = [f"--cpus-per-task={flags['cpus']}"]
    path = (
        f"export PYTHONPATH={shlex.quote(str(_PACKAGE))}${{PYTHONPATH:+:$PYTHONPATH}}"
    )
    return parameters | {
        "slurm_time": limit,
        "slurm_setup": [*given["setup"], path],
        "slurm_array_parallelism": given["at_once"],
        "slurm_signal_delay_s": min(_WARNED, 15 * limit),
        "slurm_additional_parameters": {"requeue": True},
    }


def run_on_cluster(
    cells: Sequence[Any],
    labels: Sequence[str],
    root: Path,
    command: Sequence[str],
    settings: Settings,
) -> list[End]:
    """Submits what is left of a sweep and watches it until it ends.

    Args:
      cells: prepared, each with its run `id`.
      labels: of the cells.
      root: the work directory.
      command: starts a worker on the same sweep.
      settings: what `checked` gave.

    Returns:
      How each ended.
    """
    folders = [workdir.run_folder(root.absolute(), cell.id) for cell in cells]
    watcher = Watcher(folders, labels)
    taken: set[int] = set()  # cells that have had a job

    def run_some(numbers: Sequence[int]) -> Iterator[tuple[int, End]]:
        done, left = sorted_out(numbers, folders)
        yield from ((i, ALREADY_DONE) for i in done)
        elements = {
            i: Element((*command,), i, cells[i].id, folders[i], Path.cwd())
            for i in left
        }
        jobs: dict[int, str] = {}
        try:
            while elements:
                place, patient = root.absolute() / "slurm", bool(taken)
                jobs.clear()
                find_jobs(place, elements, settings, patient, jobs)
                taken.update(jobs)
                elements = {i: e for i, e in elements.items() if i not in jobs}
                for i, end in _ends(jobs, folders, watcher):
                    if end.kind == "full":
                        slurm.cancel(jobs.values())
                    watcher.clear()
                    yield i, end
        except WriteError as error:
            if error.no_room:
                slurm.cancel(jobs.values())
            raise
        except KeyboardInterrupt:
            names = " ".join(dict.fromkeys(job.split("_")[0] for job in jobs.values()))
            without = len(elements.keys() - jobs.keys())
            more = f"; {without} cells have no job yet" if without else ""
            notice(
                "the jobs go on without this launcher; to stop them: scancel "
                f"{names}{more}"
            )
            raise
        watcher.clear()

    at_once = settings["slurm_array_parallelism"]
    return in_rounds(folders, labels, run_some, min(at_once, len(cells)))


def _ends(
    jobs: dict[int, str], folders: Sequence[Path], watcher: Watcher
) -> Iterator[tuple[int, End]]:
    """Cells as their jobs leave the queue.

    A cell whose run does not say how it ended is looked at twice: a shared file system
    may show a file late.
    """
    left, wait = dict(jobs), _SOON
    missing: set[int] = set()
    said: set[str] = set()
    while left:
        queued = slurm.queued()
        for job in left.values():
            if (why := (queued or {}).get(job, "")) and why not in said:
                said.add(why)
                notice(f"job {job} waits: {why}")
        gone = [
            i for i, job in left.items() if queued is not None and job not in queued
        ]
        wait = _SOON if gone else min(1.3 * wait, LATE)
        for i in gone:
            end = _end(folders[i], left[i], i in missing)
            if end is None:
                missing.add(i)
                continue
            del left[i]
            yield i, end
        watcher.show()
        if left:
            time.sleep(wait)


def _end(folder: Path, job: str, surely: bool) -> End | None:
    """How the cell of a job that left the queue ended; None to look again."""
    row = workdir.read_status(folder) or {"status": "running"}
    if row["status"] == "done":
        return End("done", f"done as job {job}", ran=True)
    if row["status"] == "running":
        if not surely:
            return None
        state = slurm.state(job)
        why = f"job {job} ended {state}".rstrip()
        if state == "OUT_OF_MEMORY":
            why += f"; {to_fit(MORE_MEMORY)}"
        try:
            record_loss(folder, why)
        except Busy as other:
            return busy(other.owner)
        except WriteError as error:
            if not error.no_room:
                raise
            return full(str(error))
        logs = folder.parents[1] / "slurm" / f"{job}_0_log.err"
        if logs.exists():
            return failed(why, logs)
        return failed(f"{why} (no log: do the nodes see the folder?)")
    return read_back(one_line(row["error"]), folder, row["status"])
