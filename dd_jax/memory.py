"""How much memory is free, so that a file cannot ask for more."""

import os
from pathlib import Path

_SMALL = 2**26  # bytes that are read however well they are packed
_PACKED = 200  # times that more may be smaller on disk; images: ten at most
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def free_memory() -> int:
    """Bytes that can still be allocated: what is free, within a container's limit.

    Without `/proc` all of the machine's memory counts as free.
    """
    found = [_available(), *(_number(path) for path in _LIMITS)]
    return min(size for size in found if size is not None)


def excess(size: int, stored: int) -> str | None:
    """What speaks against unpacking so many bytes from a file of so many; None is fine.

    >>> excess(2**30, 2**20)
    '1 GiB packed into 1 MiB, which is smaller than any images pack'
    """
    if size > max(_SMALL, _PACKED * stored):
        return (
            f"{in_words(size)} packed into {in_words(stored)}, which is smaller than "
            "any images pack"
        )
    if size > (free := free_memory()):
        return f"it unpacks to {in_words(size)}, and {in_words(free)} are free"
    return None


def in_words(size: int) -> str:
    """A number of bytes for reading.

    >>> in_words(1536), in_words(10 * 2**30)
    ('1.5 KiB', '10 GiB')
    """
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.3g} {unit}"


def _available() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        rows = dict(line.split(":", 1) for line in lines)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _number(path: str) -> int | None:
    """What a file holds, where it is there and holds a number."""
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None
