"""Signals: SIGTERM and SIGHUP stop a program in the same way as Ctrl-C."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AT_ONCE = 5.0  # seconds within which signals count as one
_MOMENT = 0.05  # seconds after which a signal whose exception was lost is sent again
_print = sys.unraisablehook
_last = -_AT_ONCE
_holders = 0  # blocks of `held` that are being run
_waiting: int | None = None  # the signal that came in them


class Interrupted(KeyboardInterrupt):
    """A signal stopped the program."""

    def __init__(self, number: int):
        """Keeps the number of the signal."""
        super().__init__(signal.Signals(number).name)
        self.number = number


def install() -> None:
    """Makes signals that stop a program raise `Interrupted`.

    Signals that were ignored at the start stay ignored, as under `nohup`. One that
    comes in a destructor or a callback of the garbage collector, whose exceptions
    Python prints and drops, is sent again a moment later.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _dropped


def ignore() -> None:
    """Ignores further signals, so that a stopping program can finish."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Delays signals until the end of what must not be cut short."""
    global _holders, _waiting
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
        if not _holders and _waiting is not None:
            number, _waiting = _waiting, None
            raise Interrupted(number)


@contextmanager
def at_once() -> Iterator[None]:
    """Has signals end the program at once, where no code of Python is run for long."""
    ours = [number for number in _SIGNALS if signal.getsignal(number) is _stop]
    for number in ours:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _stop)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Stops what runs in it as a signal does, with `SIGALRM`, after some seconds."""
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def status(stop: KeyboardInterrupt) -> int:
    """The exit status that shells give to a program stopped so.

    >>> status(KeyboardInterrupt()), status(Interrupted(signal.SIGTERM))
    (130, 143)
    """
    return 128 + getattr(stop, "number", signal.SIGINT)


def _stop(number: int, frame: FrameType | None) -> None:
    """Raises; further signals are ignored."""
    global _last, _waiting
    now = time.monotonic()
    if now - _last > _AT_ONCE:
        _last = now
        if not _holders:
            raise Interrupted(number)
        _waiting = number


def _dropped(unraisable: "sys.UnraisableHookArgs") -> None:
    """Prints an exception that Python drops; sends its signal again, if it has one."""
    global _last
    stop = unraisable.exc_value
    if not isinstance(stop, Interrupted):
        _print(unraisable)
        return
    _last = -_AT_ONCE
    threading.Timer(_MOMENT, _send, [stop.number]).start()


def _send(number: int) -> None:
    """Sends this program a signal, but no alarm that is over."""
    if number in _SIGNALS or signal.getsignal(number) is _stop:
        os.kill(os.getpid(), number)
