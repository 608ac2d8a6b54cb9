"""The part of a machine that each of several workers uses."""

import os
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from dd_jax.types import InputError

_GPUS = Path("/proc/driver/nvidia/gpus")
_CORES_EACH = 2  # fewer leave no core for what is not computed in parallel
_MEMORY = 0.9  # share of an accelerator's memory that workers on it take together


class Share(NamedTuple):
    """What one worker uses.

    Attributes:
      cores: numbers of its CPU cores.
      env: environment variables that name its accelerators and their memory.
    """

    cores: tuple[int, ...]
    env: dict[str, str]


def cores() -> list[int]:
    """The CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]


def gpus(env: dict[str, str]) -> list[str]:
    """The NVIDIA accelerators that a process with these variables sees.

    As CUDA reads its list, the first name that stands for none ends it.

    >>> gpus({"CUDA_VISIBLE_DEVICES": "0,1"}), gpus({"CUDA_VISIBLE_DEVICES": "-1"})
    (['0', '1'], [])
    """
    if env.get("JAX_PLATFORMS", "") == "cpu":
        return []
    if "CUDA_VISIBLE_DEVICES" in env:
        names = map(str.strip, env["CUDA_VISIBLE_DEVICES"].split(","))
        return [*takewhile(_names_one, names)]
    count = len(list(_GPUS.iterdir())) if _GPUS.is_dir() else 0
    return [str(i) for i in range(count)]


def _names_one(name: str) -> bool:
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def sensible_workers(cores: list[int], gpus: list[str], devices: int = 0) -> int:
    """One worker for as many accelerators as a cell asks for, else for two cores.

    >>> sensible_workers([0, 1, 2, 3, 4], []), sensible_workers([0], ["0", "1"])
    (2, 2)
    """
    if gpus:
        return max(1, len(gpus) // max(1, devices))
    return max(1, len(cores) // _CORES_EACH)


def shares(
    workers: int, cores: list[int], gpus: list[str], devices: int = 0
) -> list[Share]:
    """Cuts cores and accelerators into shares, one for each worker.

    Where there are more workers than cores or accelerators, several use the same one,
    and each of them takes its part of the accelerator's memory.

    Args:
      workers: how many.
      cores: numbers of those of this machine.
      gpus: names of its accelerators.
      devices: most that a cell asks for; 0 for all of its worker.

    Raises:
      InputError: several workers, not each with as many accelerators.

    >>> [share.cores for share in shares(2, [0, 1, 2, 3, 4], [])]
    [(0, 1, 2), (3, 4)]
    >>> [share.env["CUDA_VISIBLE_DEVICES"] for share in shares(3, [0], ["0", "1"])]
    ['0', '1', '0']
    """
    if gpus and devices > 1 and workers > (most := max(1, len(gpus) // devices)):
        raise InputError(
            f"--workers={workers}: a cell asks for {devices} accelerators of "
            f"{len(gpus)}; give at most {most}"
        )
    return [
        Share(_part(i, workers, cores), _accelerators(i, workers, gpus))
        for i in range(workers)
    ]


def _part(i: int, workers: int, cores: list[int]) -> tuple[int, ...]:
    if workers >= len(cores):
        return (cores[i % len(cores)],)
    size, more = divmod(len(cores), workers)
    first = i * size + min(i, more)
    return tuple(cores[first : first + size + (i < more)])


def _accelerators(i: int, workers: int, gpus: list[str]) -> dict[str, str]:
    if not gpus:
        return {}
    if workers <= len(gpus):
        return {"CUDA_VISIBLE_DEVICES": ",".join(gpus[i::workers])}
    together = -(-workers // len(gpus))
    return {
        "CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)],
        "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{_MEMORY / together:.3f}",
    }
