"""Work that all processes of a run do together, and its end, in order or not.

A process that fails alone leaves the others waiting for its devices. So each says how
its work ended, and where one fails alone, is interrupted or is lost, all end: the same
command starts them again, and they go on from the last state.
"""

import atexit
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import jax

from dd_jax.runtime import hosts
from dd_jax.system.one_line import error_line

_END = "dd_jax/end"
_PATIENCE = 300.0  # seconds in which an error that all meet comes to all
_OF_ONE = (jax.errors.JaxRuntimeError, OSError, MemoryError)  # errors of one process
_COURTESY = 10.0  # seconds that the first has to tell of an error
_LAST = 0.5  # seconds in which a process ends after it has said so
_works = iter(range(sys.maxsize))
_exiting = threading.Lock()


@contextmanager
def together(work: str) -> Iterator[None]:
    """What all processes do together: the others learn its name from `works`."""
    if hosts.count() == 1 or not hosts.first():
        yield
        return
    hosts.put(f"dd_jax/work/{next(_works)}", work)
    with agreed():
        yield


@contextmanager
def agreed() -> Iterator[None]:
    """What ends in the same way in all processes; where it does not, all end.

    An error that all raise passes on in each.
    """
    try:
        yield
    except _OF_ONE as error:
        _fail(error)
    except Exception as error:
        kinds = _kinds_of_all(error, type(error).__name__, _PATIENCE)
        if len({*kinds}) > 1:
            _fail(error)
        raise
    kinds = _kinds_of_all(None, "", None)
    if any(kinds):
        _fail(RuntimeError(f"others failed: {', '.join(filter(None, kinds))}"))


def _kinds_of_all(error, kind, seconds):
    try:
        return hosts.of_all(kind, seconds)
    except (TimeoutError, jax.errors.JaxRuntimeError) as lost:
        _fail(error or lost)


def _fail(error: BaseException) -> None:
    why = (
        f"{error_line(error)}; all processes end; run the same command again to resume"
    )
    if hosts.first():
        print("error:", why, file=sys.stderr)
    leave(1, why)


def works() -> Iterator[str]:
    """The work that the first process starts, by name; never ends of itself."""
    while True:
        yield hosts.awaited(f"dd_jax/work/{next(_works)}")


def leave(status: int, why: str = "") -> None:
    """Ends all processes, this one too; does nothing where this is the only one.

    Args:
      status: exit status of all of them.
      why: what the first then says, where this is another.
    """
    if hosts.count() == 1:
        return
    place = f"process {hosts.number()} on {socket.gethostname()}"
    end = {"status": status, "why": "" if hosts.first() else f"{place}: {why}"}
    if not hosts.first():  # an error that all meet is the first's to tell
        with suppress(TimeoutError, jax.errors.JaxRuntimeError):
            _exit(hosts.awaited(_END, _COURTESY))
    with suppress(jax.errors.JaxRuntimeError):  # another process was faster
        hosts.put(_END, end)
    with suppress(jax.errors.JaxRuntimeError):
        end = hosts.awaited(_END)
    _exit(end)


def watch() -> None:
    """Has this process end when one calls `leave`, also while it waits for a device.

    One that ends with an error that nothing catches ends the others too.
    """
    if hosts.count() == 1:
        return
    atexit.register(leave, 1, "ended before its work did")
    threading.Thread(target=_end_with_the_others, daemon=True).start()


def _end_with_the_others() -> None:
    try:
        end = hosts.awaited(_END)
    except jax.errors.JaxRuntimeError:  # the store is gone, with the first process
        end = {"status": 1, "why": ""}
    _exit(end)


def _exit(end: dict) -> None:
    """Leaves without JAX's meeting of all at the end, where none would come."""
    _exiting.acquire()
    if hosts.first():
        if end["why"]:
            print("error:", end["why"], file=sys.stderr)
    elif folder := hosts.folder():
        shutil.rmtree(folder, ignore_errors=True)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if hosts.first():
        _wait_for_the_others(10.0)
    else:  # the last that it does: JAX aborts what outlives the store
        with suppress(jax.errors.JaxRuntimeError):
            hosts.put(f"{_END}/{hosts.number()}", True)
    os._exit(end["status"])


def _wait_for_the_others(seconds: float) -> None:
    """The store is in the first process: the others have to read it before it ends."""
    end = time.monotonic() + seconds
    for i in range(1, hosts.count()):
        with suppress(TimeoutError, jax.errors.JaxRuntimeError):
            hosts.awaited(f"{_END}/{i}", max(0.1, end - time.monotonic()))
    time.sleep(_LAST)
