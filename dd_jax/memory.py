"""How much memory a process can still take."""

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")  # of a container, version 2; others have no such files


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
