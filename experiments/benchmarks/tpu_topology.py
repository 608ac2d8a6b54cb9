"""TPU chips to compile for, none of which need be present."""

import os
import sys
from importlib import metadata, util

import jax

from dd_jax.types import InputError

MEMORY = {  # of a chip, in bytes, by the name that JAX gives it
    "TPU v4": 32 << 30,
    "TPU v5 lite": 16 << 30,
    "TPU v5": 95 << 30,
    "TPU v6 lite": 32 << 30,
}
_COMPILE_ONLY = {  # libtpu would look for the chips of this host, lock them and report
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
}


def require_compiler() -> None:
    """Refuses a Python, a JAX or an environment without TPU compiler.

    Raises:
      InputError: Python below 3.12, JAX below 0.12, or no libtpu.
    """
    if sys.version_info < (3, 12):
        raise InputError(
            f"Python {sys.version_info[0]}.{sys.version_info[1]}: compiling for a TPU "
            "needs 3.12 or later"
        )
    if tuple(map(int, jax.__version__.split(".")[:2])) < (0, 12):
        raise InputError(
            f"jax {jax.__version__}: compiling for a TPU needs 0.12 or later"
        )
    if util.find_spec("libtpu") is None:
        raise InputError("libtpu is missing: pip install -e '.[tpu]'")


def compiler_versions() -> dict[str, str]:
    """Versions that decide what a program compiles to."""
    return {name: metadata.version(name) for name in ("jax", "jaxlib", "libtpu")}


def chips(topology: str) -> list:
    """Devices that programs can be compiled for, but not run on.

    Args:
      topology: generation and shape, such as `v5e:2x2` or `v5p:2x2x1`.

    Raises:
      InputError: libtpu does not know it, or its memory is not known here.
    """
    for name, value in _COMPILE_ONLY.items():
        os.environ.setdefault(name, value)
    from jax.experimental import topologies

    try:
        devices = topologies.get_topology_desc(topology, platform="tpu").devices
    except Exception as error:
        reason = str(error).splitlines()[0].partition(": ")[2] or str(error)
        raise InputError(
            f"topology {topology!r}: libtpu does not know it ({reason}); take one such "
            "as v5e:1x1, v5e:2x2, v5e:16x16, v6e:2x2 or v5p:2x2x1"
        ) from None
    kind = devices[0].device_kind
    if kind not in MEMORY:
        raise InputError(
            f"topology {topology!r}: the memory of {kind} is not known; take one of "
            f"{', '.join(MEMORY)}"
        )
    return devices
