"""Free memory, so that no file larger than it is unpacked."""

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")  # of a container, version 2; others have no such files
_SMALL = 2**26  # bytes that are read however well they are packed
_PACKED = 200  # times that more may be smaller on disk; images: ten at most


def free() -> int:
    """Bytes that are available on this machine, or in this container if it has less.

    >>> 0 < free() < 2**60
    True
    """
    available = psutil.virtual_memory().available
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no limit
        return available
    cached = int(dict(line.split() for line in lines)["inactive_file"])  # given back
    return min(available, max(limit - used + cached, 0))


def excess(size: int, stored: int) -> str | None:
    """Why bytes of a file cannot be unpacked into memory; None if they can.

    >>> excess(2**30, 2**20)
    '1 GiB packed into 1 MiB, which is smaller than any images pack'
    """
    if size > max(_SMALL, _PACKED * stored):
        return (
            f"{format_bytes(size)} packed into {format_bytes(stored)}, which is "
            "smaller than any images pack"
        )
    if size > (available := free()):
        needed, left = format_bytes(size), format_bytes(available)
        return f"it unpacks to {needed}, and {left} are free"
    return None


def format_bytes(size: int) -> str:
    """A number of bytes as text, in binary units.

    >>> format_bytes(1536), format_bytes(10 * 2**30)
    ('1.5 KiB', '10 GiB')
    """
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.3g} {unit}"
