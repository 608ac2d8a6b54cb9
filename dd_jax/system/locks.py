"""Locks between processes, which the system releases when their process ends."""

import errno
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from dd_jax.system.disk import writing
from dd_jax.system.notice import notice

_ABSENT = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)
_POLL = 0.5  # seconds between two attempts to take a lock


class Busy(RuntimeError):
    """Another process does this run; `owner` is its `PID on HOST`."""

    def __init__(self, folder: str | Path, owner: str):
        """Names the folder that it works in."""
        super().__init__(f"{folder} is being run by {owner}")
        self.owner = owner


@contextmanager
def exclusive(folder: str | Path) -> Iterator[None]:
    """A context in which no other process can use the folder in the same way.

    Raises:
      Busy: another process is in it.
      WriteError: the folder cannot be written.
    """
    path = Path(folder) / ".lock"
    with _released(path) as lock:
        if not _taken(lock, path, 0):
            raise Busy(folder, _owner(path))
        _sign(path)
        yield


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Waits, with a notice, until no other process works on a file or folder.

    Raises:
      WriteError: its folder cannot be written.
    """
    path = Path(path)
    place = path.with_name(f".{path.name}.lock")
    with _released(place) as lock:
        if not _taken(lock, place, 0):
            notice(f"waiting for {path}, which {_owner(place)} works on")
            _taken(lock, place, -1)
        _sign(place)
        yield


def holder_lives(folder: str | Path) -> bool:
    """Whether the process that is in a folder lives, as far as is known."""
    try:
        row = json.loads((Path(folder) / ".lock").read_text())
        here = row["host"] == socket.gethostname()
        return not here or psutil.pid_exists(row["pid"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


@contextmanager
def _released(path: Path) -> Iterator[FileLock]:
    """A lock that is given back at the end, and its file with it.

    A process that waits for the deleted file creates a new one.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, fallback_to_soft=False, poll_interval=_POLL)
    try:
        yield lock
    finally:
        if lock.is_locked:
            with suppress(OSError):
                path.unlink()
            lock.release()


def _taken(lock: FileLock, path: Path, seconds: float) -> bool:
    """Whether a lock could be taken in some seconds; below 0 means without limit.

    On a file system without locks, which a line says, it counts as taken.
    """
    with writing(path):
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            _say_absent(path.parent)
        return True


@lru_cache(maxsize=64)
def _say_absent(folder: Path) -> None:
    notice(f"{folder}: no locks on this file system; run one launcher at a time here")


def _sign(path: Path) -> None:
    row = {"pid": os.getpid(), "host": socket.gethostname()}
    with suppress(OSError):  # a full disk: the lock holds without a name
        path.write_text(json.dumps(row | {"command": shlex.join(sys.orig_argv)}))


def _owner(path: Path) -> str:
    """Who holds a lock, as `PID on HOST`."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        row = json.loads(path.read_text())
        return f"{row['pid']} on {row['host']}"
    return "another process"
