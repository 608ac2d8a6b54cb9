"""Compiled programs of a long process, held within what Linux lets it map.

A program of a CPU takes some ten memory maps, of which a process may have 65,530 by
default; one more, and XLA ends the process. Long sweeps and runs on many virtual
devices get there.
"""

from pathlib import Path

import jax

_MAPS = Path("/proc/self/maps")
_LIMIT = Path("/proc/sys/vm/max_map_count")
_SHARE = 0.3  # of the limit; what is compiled before the next look has the rest


def forget_programs_if_many() -> bool:
    """Forgets all compiled programs where they hold 0.3 of the maps of a process.

    Those that are still needed compile again. Nothing happens outside Linux.

    Returns:
      Whether they were forgotten.
    """
    try:
        limit = int(_LIMIT.read_text())
        count = _MAPS.read_bytes().count(b"\n")
    except OSError:
        return False
    if count <= _SHARE * limit:
        return False
    jax.clear_caches()
    return True
