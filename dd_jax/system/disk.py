"""Atomic files, and one line of text for every error of the disk."""

import errno
import hashlib
import json
import os
import re
import resource
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dd_jax.system.one_line import one_line

_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within the quota",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EISDIR: "remove that folder",
    errno.EEXIST: "remove the file in its place",
    errno.ENOTDIR: "remove the file in its place",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_IN_TEXT = re.compile(r"(?:OS error |os_error_code='|\[Errno )(\d+)")
_NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
_OF_A_WRITER = re.compile(r"\..+\.(?P<pid>\d+)(-[0-9a-f]{8}@(?P<host>.*)\.tmp)?")
_UNFINISHED = "*.orbax-checkpoint-tmp*"
_DAY = 86400.0
_open: set[str] = set()  # names of the temporary files that this process writes now


class WriteError(OSError):
    """A file could not be written: one line says which, why and what to do."""

    def __str__(self) -> str:
        """The line, without a number before it."""
        return str(self.strerror)

    @property
    def no_room(self) -> bool:
        """Whether the disk is full, or the quota, for all other files too."""
        return self.errno in _NO_ROOM


def tells_no_room(text: str) -> bool:
    """Whether the line of a `WriteError` is of one with `no_room`."""
    return any(os.strerror(number) in text for number in _NO_ROOM)


@contextmanager
def writing(path: str | Path, size: int | None = None) -> Iterator[None]:
    """Turns what the disk refuses into one line about the file.

    Args:
      path: what is written.
      size: bytes that it takes, where known.

    Raises:
      WriteError: in place of an `OSError`, or of another error whose text names one.
    """
    try:
        yield
    except WriteError:
        raise
    except Exception as error:
        number = _number(error)
        if number is None and not isinstance(error, OSError):
            raise
        raise WriteError(number, _refusal(Path(path), error, number, size)) from error


def _number(error: Exception) -> int | None:
    """The system's number of an error; libraries wrap it into texts of their own."""
    if isinstance(error, OSError):
        return error.errno
    found = _IN_TEXT.search(str(error))
    return int(found[1]) if found else None


def check_room(path: str | Path, size: int) -> None:
    """Refuses what a disk has no room for, before a library tries to write it.

    Args:
      path: what is to be written, in a folder that exists.
      size: bytes that it takes.

    Raises:
      WriteError: there is less room, or no file may be so large.
    """
    with writing(path, size):
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit not in (resource.RLIM_INFINITY, -1) and size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if size > shutil.disk_usage(Path(path).parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _refusal(path: Path, error: Exception, number: int | None, size: int | None) -> str:
    why = os.strerror(number) if number else one_line(error)
    needed = [] if size is None else [f"{_amount(size)} needed"]
    if number == errno.ENOSPC:
        with suppress(OSError):
            place = next(p for p in (path, *path.parents) if p.exists())
            needed.append(f"{_amount(shutil.disk_usage(place).free)} free")
    remedy = _REMEDIES.get(number or 0, "correct that")
    return (
        f"{path}: cannot be written ({', '.join([why, *needed])}); "
        f"{remedy} and run the same command again"
    )


def _amount(size: int) -> str:
    """Bytes as text, in decimal units.

    >>> _amount(999), _amount(1_500_000)
    ('999 bytes', '1.5 MB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def replace(path: str | Path, content: bytes | Iterable[bytes]) -> None:
    """Writes a file so that a reader sees the old one or the new one.

    A temporary file in the same folder is written, flushed to disk and renamed, and the
    folder is flushed too; parent folders are made.

    Args:
      path: the file.
      content: its bytes, or pieces of them.

    Raises:
      WriteError: the disk refuses it; the old file stays as it was.
    """
    path = Path(path)
    whole = isinstance(content, bytes)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}@{socket.gethostname()}"
    temporary = path.with_name(f".{path.name[:60]}.{mark}.tmp")
    with writing(path, len(content) if whole else None):
        path.parent.mkdir(parents=True, exist_ok=True)
        _open.add(temporary.name)
        try:
            with temporary.open("xb") as file:
                file.writelines([content] if whole else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
            _open.discard(temporary.name)


def append(path: str | Path, line: bytes, flush: bool = False) -> None:
    """Adds bytes at the end of a file; all of them, or none where the disk refuses.

    Args:
      path: the file, which is made if need be.
      line: what to add.
      flush: whether it is on the disk when this returns.

    Raises:
      WriteError: the disk refuses it; the file stays as it was.
    """
    path = Path(path)
    with writing(path, len(line)):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before, left = os.fstat(file).st_size, memoryview(line)
            try:
                while left:
                    left = left[os.write(file, left) :]
                if flush:
                    os.fsync(file)
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)


def flush(path: str | Path) -> None:
    """Waits until what was appended to a file is on the disk."""
    with writing(path), open(path, "rb") as file:
        os.fsync(file.fileno())


def cut_torn_line(path: str | Path) -> None:
    """Cuts off a last line that a kill left without its end."""
    with writing(path), open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        whole = end
        while whole and os.pread(file.fileno(), 1, whole - 1) != b"\n":
            step = min(whole, 1 << 16)
            tail = os.pread(file.fileno(), step, whole - step)
            whole += tail.rfind(b"\n") + 1 - step
        if whole < end:
            file.truncate(whole)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, or of the names and digests of all files below a folder."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    parts = [[str(file.relative_to(path)), file_digest(file)] for file in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def sweep(folder: str | Path, *, ours: bool) -> None:
    """Removes unfinished files of processes that ended.

    Args:
      folder: the folder to clean.
      ours: whether no other process writes below the folder, so that all unfinished
        files go. Else only files in the folder itself go, and only those of ended
        processes of this machine, and of other machines after a day.
    """
    folder = Path(folder)
    for path in [*(folder.rglob(".*") if ours else folder.glob(".*"))]:
        made = _OF_A_WRITER.fullmatch(path.name)
        if made and (ours or _is_left(path, made)):
            with suppress(OSError):
                path.unlink()
    for path in [*folder.rglob(_UNFINISHED)] if ours else []:
        shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path, made: re.Match) -> bool:
    if path.name in _open:
        return False
    if made["host"] not in (None, socket.gethostname()):
        with suppress(OSError):
            return time.time() - path.stat().st_mtime > _DAY
        return False
    pid = int(made["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return pid == os.getpid()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(handle)
