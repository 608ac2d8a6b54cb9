"""The cache of compiled programs on disk: a folder for each kind of machine."""

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

import jax
import jaxlib

from dd_jax.system.notice import notice
from dd_jax.system.paths import expanded, reason

_LIMIT = 2**36  # bytes; with a limit, and only then, JAX locks the folder it shares
_CPU = Path("/proc/cpuinfo")
_FEATURES = ("model name", "flags", "Features", "CPU implementer", "CPU part")


def enable() -> None:
    """Enables JAX's compilation cache in `~/.cache/dd_jax`, or prints why it cannot.

    A folder that the user chose, as by `JAX_COMPILATION_CACHE_DIR`, stays.
    """
    wanted = jax.config.jax_enable_compilation_cache
    chosen = jax.config.jax_compilation_cache_dir
    if wanted and not chosen and (folder := _folder()):
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_compilation_cache_max_size", _LIMIT)


@cache
def _folder() -> str:
    """The folder, once it can be written; else empty, after a line that says so."""
    home = expanded("~")
    folder = home / ".cache" / "dd_jax" / machine()
    try:
        if not home.is_absolute():
            raise FileNotFoundError(0, "no home directory")
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "is read-only")
    except OSError as error:
        notice(
            f"compiled programs are not cached for later runs: {folder}: "
            f"{reason(error)}; set JAX_COMPILATION_CACHE_DIR to a writable one"
        )
        return ""
    return str(folder)


def machine() -> str:
    """What compiled programs depend on beside their code, in 12 hexadecimal digits.

    The processor with its features, of which others lack some, and jaxlib's version.
    """
    parts = ["locked", jaxlib.__version__, platform.machine(), platform.processor()]
    if _CPU.exists():
        first = _CPU.read_text().partition("\n\n")[0].splitlines()
        parts += [line for line in first if line.startswith(_FEATURES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
