"""The processes of one run, on one host or several: which this is, and how they agree.

All run the same program, each with its own copies of all arrays; programs of
`runtime.parallel` use the devices of all. The first process alone reads and writes the
work directory; the others have a private folder in its place and are sent what they
need. They agree through the key-value store of JAX's coordinator, which needs no shared
folder and waits for as long as it takes.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax._src.clusters import ClusterEnv  # this and the store have no public names
from jax._src.distributed import global_state

from dd_jax.runtime.private_folder import private_folder
from dd_jax.system import interruption
from dd_jax.system.one_line import one_line
from dd_jax.types import InputError

_POLL = 60_000  # milliseconds of one question to the store
JAXLIB_ON_CPU = 0, 12  # the least version
_PATIENCE = 600.0  # seconds that hosts may come apart between two steps of one program


class _Here(NamedTuple):
    """This process among all, and its folder if it is not the first."""

    number: int = 0
    count: int = 1
    folder: Path | None = None


_here = _Here()
_turns = iter(range(sys.maxsize))  # agreements so far, the same on all processes


def count() -> int:
    """The number of processes."""
    return _here.count


def number() -> int:
    """The number of this process, from 0."""
    return _here.number


def first() -> bool:
    """Whether this process is the first, or the only one."""
    return _here.number == 0


def folder() -> Path | None:
    """The work directory of a process that is not the first, which it has to remove."""
    return _here.folder


def found_by_jax() -> bool:
    """Whether JAX finds a cluster of several processes, other than by Slurm."""
    for env in ClusterEnv._cluster_types:
        if env.name == "slurm" or env.opt_in_only_method:
            continue
        with suppress(Exception):  # services that do not answer, libraries that lack
            if env.is_env_present() and env.get_process_count() > 1:
                return True
    return False


def join(
    coordinator: str | None = None,
    processes: int | None = None,
    number: int | None = None,
    local_devices: Sequence[int] | None = None,
    timeout: int = 300,
) -> None:
    """Joins the other processes, before JAX has any device.

    Args:
      coordinator: `HOST:PORT` of the first process; None has JAX detect a cluster.
      processes: how many there are.
      number: of this process, from 0.
      local_devices: numbers of the accelerators of this host that are this process's;
        None takes all.
      timeout: seconds to wait for the others.

    Raises:
      InputError: there is no cluster, its processes do not come, or JAX has started.
    """
    global _here
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it swallows SIGTERM
    try:
        with (
            _no_proxies(),
            interruption.at_once(),
            _at_most(timeout, f"at {coordinator}" if coordinator else ""),
        ):
            jax.distributed.initialize(
                coordinator,
                processes,
                number,
                local_devices,
                cluster_detection_method="deactivate" if coordinator else None,
                initialization_timeout=2 * timeout,
            )
            number, processes = jax.process_index(), jax.process_count()
    except Exception as error:
        raise InputError(
            f"--distributed: the processes do not meet: {one_line(error)}"
        ) from None
    _require_collectives()
    _here = _Here(number, processes, None if number == 0 else private_folder())


def _require_collectives() -> None:
    """Refuses CPUs with a jaxlib that runs of several processes are not tested with.

    With 0.10 collectives of programs that run at once can wait for ever.
    """
    if jax.devices()[0].platform == "cpu" and jax.__version_info__ < JAXLIB_ON_CPU:
        needed = ".".join(map(str, JAXLIB_ON_CPU))
        raise InputError(
            f"--distributed: on CPUs it needs jax {needed}, and Python 3.12 for that; "
            f"this is {jax.__version__}"
        )


@contextmanager
def _no_proxies() -> Iterator[None]:
    """Without the proxies of the environment, which do not lead to other hosts."""
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    for name in proxies:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(proxies)


@contextmanager
def _at_most(seconds: float, where: str) -> Iterator[None]:
    """Ends the program with a line after some seconds, where JAX would abort it."""

    def give_up():
        words = f"--distributed: the processes did not all come {where} in {seconds} s"
        print(f"error: {words}; start them all, within that time", file=sys.stderr)
        os._exit(2)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def of_first(make: Callable[[], Any]) -> Any:
    """What `make()` gives in the first process, a JSON value; others do not call it."""
    if count() == 1:
        return make()
    key = _next_key()
    if first():
        value = make()
        put(key, value)
        return value
    return awaited(key)


def least(value: float) -> float:
    """The least of the values that all processes give, each its own.

    Raises:
      TimeoutError: one does not come here.
    """
    return min(of_all(value, _PATIENCE)) if count() > 1 else value


def of_all(value: Any, seconds: float | None = None) -> list:
    """The JSON values that the processes give, in order.

    Raises:
      TimeoutError: one does not within some seconds; None waits without limit.
    """
    key = _next_key()
    put(f"{key}/{number()}", value)
    return [awaited(f"{key}/{i}", seconds) for i in range(count())]


def _next_key() -> str:
    return f"dd_jax/turn/{next(_turns)}"


def put(key: str, value: Any) -> None:
    """Puts a JSON value under a key of the store.

    Raises:
      jax.errors.JaxRuntimeError: the key is taken, or the store is gone.
    """
    global_state.client.key_value_set(key, json.dumps(value))


def awaited(key: str, seconds: float | None = None) -> Any:
    """The value under a key of the store, once a process puts it there.

    Raises:
      TimeoutError: none does within some seconds; None waits without limit.
      jax.errors.JaxRuntimeError: the store is gone.
    """
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        left = _POLL if until is None else int(1e3 * (until - time.monotonic()))
        try:
            question = min(_POLL, max(1, left))
            return json.loads(global_state.client.blocking_key_value_get(key, question))
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise
        if until is not None and time.monotonic() > until:
            raise TimeoutError(f"a process of the run did not answer in {seconds:g} s")
