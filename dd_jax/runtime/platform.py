"""The platform that a program is made for, which need not be that of the process."""

from contextlib import AbstractContextManager

import jax

from dd_jax.runtime.devices import devices_in_use
from dd_jax.types import InputError

PLATFORMS = ("cpu", "gpu", "tpu")
_NAMES = {name: name for name in PLATFORMS} | {"cuda": "gpu", "rocm": "gpu"}
_made_for = jax.make_user_context(default_value=None)


def platform() -> str:
    """`cpu`, `gpu` or `tpu`: where what is traced now will run.

    That which `made_for` names; else that of `devices_in_use`.

    >>> with made_for("tpu"):
    ...     platform()
    'tpu'
    """
    named = _made_for.value or devices_in_use()[0].platform
    return _NAMES.get(named, named)


def made_for(name: str) -> AbstractContextManager:
    """Inside, programs are traced for a platform, present or not.

    It is part of the key under which JAX keeps programs: one function has a program for
    each platform.

    Args:
      name: `cpu`, `gpu` (or `cuda`, `rocm`) or `tpu`.

    Raises:
      InputError: another name.
    """
    if name not in _NAMES:
        raise InputError(f"platform {name!r}: take one of {', '.join(_NAMES)}")
    return _made_for(_NAMES[name])


def in_turn() -> bool:
    """Whether networks and pieces of a batch follow one another: on CPU.

    Accelerators take them as one batch.
    """
    return platform() == "cpu"
