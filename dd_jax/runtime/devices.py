"""The devices of this process that programs use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import jax

from dd_jax.runtime import hosts
from dd_jax.types import InputError


class _Spread(NamedTuple):
    """The arguments of `spread`."""

    count: int = 0
    backend: str = ""


_DEFAULT = _Spread()
_SPREAD: ContextVar[_Spread] = ContextVar("spread", default=_DEFAULT)


@contextmanager
def spread(count: int = 0, backend: str = "") -> Iterator[None]:
    """Inside, `map_models` uses the first `count` devices of this process.

    Args:
      count: number of devices, virtual CPU devices counted; 0 is all accelerators, and
        one device where there is no accelerator.
      backend: how, one of `runtime.parallel.Backend`; default as outside.

    Raises:
      InputError: there are fewer devices.
    """
    require_devices(count)
    token = _SPREAD.set(_Spread(count, backend or _SPREAD.get().backend))
    try:
        yield
    finally:
        _SPREAD.reset(token)


def require_devices(count: int) -> None:
    """Refuses more devices than this process has.

    Raises:
      InputError: it has fewer than `count`.
    """
    found = _found()
    if count > len(found):
        kind = found[0].platform
        more = (
            f"; JAX_NUM_CPU_DEVICES={count} in the environment gives virtual ones"
            if kind == "cpu"
            else ""
        )
        raise InputError(
            f"devices={count}: this process has {len(found)} ({kind}); give at most "
            f"{len(found)}, or 0 for all accelerators{more}"
        )


def devices_in_use() -> list:
    """The devices that models are spread over, as `spread` says; at least one."""
    found, count = _found(), _SPREAD.get().count
    if count:
        return found[:count]
    return found if found[0].platform != "cpu" else found[:1]


def all_devices() -> list:
    """Those in use of all processes of the run, by process; each has equally many.

    Raises:
      InputError: one has fewer than this.
    """
    own = devices_in_use()
    if hosts.count() == 1:
        return own
    found = []
    for process in range(hosts.count()):
        of_it = jax.devices(own[0].platform)
        of_it = [d for d in of_it if d.process_index == process][: len(own)]
        if len(of_it) < len(own):
            raise InputError(
                f"process {process} has {len(of_it)} devices and another {len(own)}; "
                "give all the same number, or --config.devices=N"
            )
        found += of_it
    return found


def _found() -> list:
    """Those of this process, of the platform of `jax.default_device` if that is set."""
    default = jax.config.jax_default_device
    return jax.local_devices(backend=getattr(default, "platform", default))


def backend_in_use() -> str:
    """How models are spread over them, as `spread` says; empty for the default."""
    return _SPREAD.get().backend


def devices_of_each(models: int, splits: bool) -> int:
    """How many devices share the work of one of some models in `map_models`.

    All where the work can be cut and there are at least two for each model; else 1.
    """
    count = len(all_devices())
    return count if splits and 2 * models <= count else 1
