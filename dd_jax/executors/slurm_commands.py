"""What Slurm's own commands say, as plain values."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

from dd_jax.types import InputError

_LOCAL = ("/tmp", "/var/tmp", "/dev/shm", "/run")
_SHARED = (  # how the types of file systems over a network begin
    *("nfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "cifs", "smb", "panfs"),
    *("wekafs", "pvfs", "orangefs", "glusterfs", "gfs2", "9p", "virtiofs"),
    *("fuse.glusterfs", "fuse.ceph", "fuse.sshfs", "fuse.juicefs", "fuse.moosefs"),
)
_IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs")
_ARRAY = 1001  # Slurm's own default of MaxArraySize
_USUAL = (  # reasons that pass by themselves
    "None",
    "Resources",
    "Priority",
    "BeginTime",
    "JobArrayTaskLimit",
    "Cleaning",
    "Prolog",
)
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


def minutes(text: str) -> int:
    """A time limit in minutes, rounded up, from any form that Slurm takes.

    Raises:
      InputError: no time.

    >>> minutes("90"), minutes("2:00:00"), minutes("1-12"), minutes("0:30")
    (90, 120, 2160, 1)
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--slurm.time={text}: write MINUTES, HOURS:MINUTES:SECONDS or DAYS-HOURS"
        )
    days, *rest = (None if part is None else int(part) for part in match.groups())
    first, second, third = (part or 0 for part in rest)
    if days is not None:
        seconds = 60 * (60 * (24 * days + first) + second) + third
    elif rest[2] is not None:
        seconds = 60 * (60 * first + second) + third
    else:
        seconds = 60 * first + second
    if seconds <= 0:
        raise InputError(f"--slurm.time={text}: must be positive")
    return -(-seconds // 60)


def within(limit: str | None, default: str, partition: str | None) -> int:
    """Minutes of a job: those given, else the default as far as the partition allows.

    Raises:
      InputError: more than the partition allows; such a job would wait for ever.
    """
    chosen = [f"--partition={partition}"] if partition else []
    allowed = _lines(["sinfo", "--noheader", "--format=%P %l", *chosen]) or []
    most = [line.split() for line in allowed if partition or "* " in line]
    known = [text for _, text in most if _TIME.fullmatch(text)]  # others: infinite
    highest = max(map(minutes, known)) if known and len(known) == len(most) else None
    wanted = minutes(limit or default)
    if highest is None or wanted <= highest:
        return wanted
    if limit is None:
        return highest
    raise InputError(
        f"--slurm.time={limit}: partition {most[0][0].strip('*')} allows {known[0]}"
    )


def require_commands() -> None:
    """Refuses a machine without Slurm.

    Raises:
      InputError: a command is missing.
    """
    for name in ("sbatch", "srun", "squeue", "scontrol"):
        if not shutil.which(name):
            raise InputError(
                f"--executor=slurm: no {name} on this machine; start it where jobs are "
                "submitted, or write --executor=local"
            )


def require_accepted(arguments: list[str]) -> None:
    """Refuses what Slurm would refuse, as an unknown partition; submits nothing.

    Raises:
      InputError: with Slurm's words.
    """
    test = ["sbatch", "--test-only", *arguments, "--wrap=true"]
    done = subprocess.run(test, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.replace("sbatch: error: ", "").split("\n")
        why = "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))
        raise InputError(f"{' '.join(['Slurm refuses', *arguments])}: {why}")


def require_account(account: str | None, partition: str | None) -> None:
    """Refuses an account that no partition takes: its jobs would wait for ever.

    Raises:
      InputError: it is not among those that the partition allows, or one that it
        denies; of several partitions, each.
    """
    if not account:
        return
    refusals = []
    for line in _lines(["scontrol", "--oneliner", "show", "partition"]) or []:
        about = dict(part.split("=", 1) for part in line.split() if "=" in part)
        name, allowed = about.get("PartitionName"), about.get("AllowAccounts", "ALL")
        denied = about.get("DenyAccounts", "").split(",")
        named = partition.split(",") if partition else []
        if name in named or not named and about.get("Default") == "YES":
            if account in denied:
                refusals.append(f"partition {name} denies it")
            elif allowed == "ALL" or account in allowed.split(","):
                return
            else:
                refusals.append(f"partition {name} allows {allowed}")
    if refusals:
        raise InputError(f"--slurm.account={account}: {', '.join(refusals)}")


def require_visible(root: Path, partition: str | None) -> None:
    """Refuses a work directory that is on this machine alone.

    On a cluster of this one machine any folder will do.

    Raises:
      InputError: it is in a folder of temporary files or in memory. A disk of this
        machine in another place is not recognised.
    """
    why = _on_this_machine(root.resolve())
    others = _hosts(partition) - {socket.gethostname().partition(".")[0]}
    if why and others:
        raise InputError(
            f"--workdir={root}: {why}, which the compute nodes ({min(others)}, ...) do "
            "not see; give a folder of a shared file system"
        )


def _on_this_machine(path: Path) -> str:
    mounts = [m for m in psutil.disk_partitions(all=True) if _above(m.mountpoint, path)]
    hiding = reversed(mounts)  # of several at one place the last hides the others
    found = max(hiding, key=lambda mount: len(mount.mountpoint), default=None)
    kind = found.fstype if found else ""
    if kind.startswith(_SHARED):  # also where it holds the temporary files
        return ""
    for place in (*_LOCAL, tempfile.gettempdir()):
        if path.is_relative_to(place):
            return f"is in {place} of this machine"
    return "is in memory" if kind in _IN_MEMORY else ""


def _above(mountpoint: str, path: Path) -> bool:
    return path.is_relative_to(mountpoint)


def _hosts(partition: str | None) -> set[str]:
    chosen = [f"--partition={partition}"] if partition else []
    found = _lines(["sinfo", "--noheader", "--Node", "--format=%n", *chosen])
    return set(found or [])


def array_limit() -> int:
    """The most jobs that the site allows in one array."""
    for line in _lines(["scontrol", "show", "config"]) or []:
        name, _, value = line.partition("=")
        if name.strip() == "MaxArraySize":
            return max(1, int(value))
    return _ARRAY


def queued() -> dict[str, str] | None:
    """The user's jobs that wait or run, as `5` or `5_2`, and why they wait.

    Returns:
      A reason by job, empty where it runs or waits as others do; None where Slurm does
      not answer.
    """
    user = f"--user={os.getuid()}"
    found = _lines(["squeue", "--noheader", "--array", user, "--format=%i %r"])
    if found is None:
        return None
    jobs = (line.partition(" ") for line in found)
    return {job: "" if why in _USUAL else why for job, _, why in jobs}


def state(job: str) -> str:
    """The state in which a job ended; empty where Slurm has forgotten it."""
    for line in _lines(["scontrol", "--oneliner", "show", "job", job]) or []:
        if found := re.search(r"JobState=(\w+)", line):
            return found[1]
    return ""


def cancel(jobs: Iterable[str]) -> None:
    """Takes jobs out of the queue, and stops those that run."""
    subprocess.run(["scancel", *jobs], capture_output=True)


def _lines(command: list[str]) -> list[str] | None:
    """The lines that a command prints; None where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else None
