"""Options of XLA that its releases need; set before JAX starts."""

import os
from importlib import metadata

# The CPU compiler of jaxlib 0.10 makes slow loops of what it merges by emitters: with
# them a step of trajectory matching takes 1.6 to 2 times as long; nothing is faster.
# Later releases have no such option.
_OPTIONS = {"0.10": "--xla_cpu_use_fusion_emitters=false"}


def with_options(flags: str, jaxlib: str) -> str:
    """`XLA_FLAGS` with the option of a release; one that is given already stays.

    >>> with_options("", "0.10.1")
    '--xla_cpu_use_fusion_emitters=false'
    >>> with_options("--xla_cpu_use_fusion_emitters=true", "0.10.1")
    '--xla_cpu_use_fusion_emitters=true'
    >>> with_options("--xla_dump_to=/tmp", "0.12.0.1")
    '--xla_dump_to=/tmp'
    """
    option = _OPTIONS.get(".".join(jaxlib.split(".")[:2]), "")
    name = option.partition("=")[0]
    return flags if name in flags else f"{flags} {option}".strip()


def set_flags() -> None:
    """Sets `XLA_FLAGS` of this process; without effect once JAX has a backend."""
    flags = os.environ.get("XLA_FLAGS", "")
    if (found := with_options(flags, metadata.version("jaxlib"))) != flags:
        os.environ["XLA_FLAGS"] = found
