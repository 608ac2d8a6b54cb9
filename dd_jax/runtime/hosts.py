"""The processes of one run, on one host or several: what the first tells the others.

All run the same program, each with its own copies of all arrays; programs of
`runtime.parallel` use the devices of all. The first process alone reads and writes the
work directory; the others have a private folder in its place and are sent what they
need. They agree through the key-value store of JAX's coordinator, which needs no shared
folder and waits for as long as it takes.
"""

import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax._src.distributed import global_state  # its store has no public name
from jax.experimental import multihost_utils

from dd_jax.types import InputError, Params

_END = "dd_jax/end"
_POLL = 60_000  # milliseconds of one question to the store
_PATIENCE = 600.0  # seconds that hosts may come apart between two steps of one program
_PIECE = 1 << 25  # bytes of a file that are sent at once


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


def first() -> bool:
    """Whether this process is the first, or the only one."""
    return _here.number == 0


def private_folder() -> Path:
    """The work directory of a process that is not the first; removed at its end."""
    if _here.folder is None:
        raise ValueError("the first process works in the folder of the run")
    return _here.folder


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
    given = coordinator is not None
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            number,
            local_devices,
            cluster_detection_method="deactivate" if given else None,
            initialization_timeout=timeout,
        )
        number, processes = jax.process_index(), jax.process_count()
    except Exception as error:
        words = " ".join(str(error).split())
        raise InputError(f"--distributed: the processes do not meet: {words}") from None
    folder = None if number == 0 else Path(tempfile.mkdtemp(prefix="dd_jax_host_"))
    _here = _Here(number, processes, folder)
    if processes > 1:
        threading.Thread(target=_end_with_the_others, daemon=True).start()


def of_first(make: Callable[[], Any]) -> Any:
    """What `make()` gives in the first process, a JSON value; others do not call it."""
    if count() == 1:
        return make()
    key = _next_key()
    if first():
        value = make()
        _set(key, value)
        return value
    return _awaited(key)


def arrays_of_first(tree: Params) -> Params:
    """The arrays of the first process, of which all have the structure and shapes."""
    return multihost_utils.broadcast_one_to_all(tree) if count() > 1 else tree


def file_of_first(path: Path) -> None:
    """Gives the others a file as the first process has it, or none if it has none."""
    if count() == 1:
        return
    size = of_first(lambda: path.stat().st_size if path.is_file() else -1)
    if size < 0:
        return None if first() else path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb" if first() else "wb") as file:
        for start in range(0, size, _PIECE):
            piece = np.zeros(min(_PIECE, size - start), np.uint8)
            if first():
                file.readinto(piece)
            sent = arrays_of_first(piece)
            if not first():
                file.write(sent)


def least(value: float) -> float:
    """The least of the values that all processes give, each its own.

    Raises:
      TimeoutError: one does not come here.
    """
    return min(_of_all(value)) if count() > 1 else value


def _of_all(value: Any, seconds: float = _PATIENCE) -> list:
    """The JSON values that the processes give, in order."""
    key = _next_key()
    _set(f"{key}/{_here.number}", value)
    return [_awaited(f"{key}/{i}", seconds) for i in range(count())]


def leave(status: int, why: str = "") -> None:
    """Ends all processes, this one too, with an exit status; nothing where it is alone.

    Args:
      status: of all of them.
      why: what the first process then says, where this is another.
    """
    if count() == 1:
        return
    with suppress(jax.errors.JaxRuntimeError):  # another process was faster
        place = f"process {_here.number} on {socket.gethostname()}"
        _set(_END, {"status": status, "by": _here.number, "why": f"{place}: {why}"})
    _exit(_awaited(_END))


def _end_with_the_others() -> None:
    """Ends this process when one calls `leave`, also while it waits for a device."""
    try:
        end = _awaited(_END)
    except Exception:  # the first process is gone, and the store with it
        end = {"status": 1, "by": _here.number, "why": "the first process is gone"}
    _exit(end)


_exiting = threading.Lock()


def _exit(end: dict) -> None:
    """Leaves without JAX's meeting at the end, which a blocked process never reaches."""
    _exiting.acquire()
    if first():
        if end["by"] and end["status"]:
            print("error:", end["why"], file=sys.stderr)
        _wait_for_others(10.0)
    else:
        with suppress(jax.errors.JaxRuntimeError):
            _set(f"{_END}/{_here.number}", True)
        shutil.rmtree(_here.folder, ignore_errors=True)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(end["status"])


def _wait_for_others(seconds: float) -> None:
    """The store is in the first process: the others have to read it before it ends."""
    end = time.monotonic() + seconds
    for i in range(1, count()):
        with suppress(TimeoutError, jax.errors.JaxRuntimeError):
            _awaited(f"{_END}/{i}", max(0.1, end - time.monotonic()))


def _next_key() -> str:
    return f"dd_jax/{next(_turns)}"


def _set(key: str, value: Any) -> None:
    global_state.client.key_value_set(key, json.dumps(value))


def _awaited(key: str, seconds: float | None = None) -> Any:
    """The value under a key, once a process sets it.

    Raises:
      TimeoutError: none does within some seconds.
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
            raise TimeoutError(f"a process of the run did not answer in {seconds} s")
