"""Progress of a loop: a bar on a terminal, lines in a file; no jax."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from tqdm import tqdm

from dd_jax.system.disk import WriteError

_BETWEEN_LINES = 60.0  # seconds

Show = Callable[[int, Mapping[str, float]], None]
_part: "Part | None" = None  # of the job that is being done


@contextmanager
def progress(label: str, total: int, initial: int = 0) -> Iterator[Show]:
    """Shows the steps of a loop, with the time that is left.

    A bar where stderr is a terminal; elsewhere, on stdout, one line at the start, which
    says where a loop resumes, and one every minute, whether or not a step was finished
    in it.

    Args:
      label: what the loop does.
      total: its number of steps.
      initial: steps that are done already.

    Yields:
      `show(step, values)`: the number of steps that are done, and their values.
    """
    if sys.stderr.isatty() and _part:
        with _bar_of_all() as show:
            show(label, initial, total)
            yield lambda step, values: show(label, step, total)
    elif sys.stderr.isatty():
        with tqdm(total=total, initial=initial, desc=label) as bar:
            yield lambda step, values: _advance(bar, step, values)
    elif initial < total:
        with _lines(label, total, initial) as show:
            yield show
    else:
        yield lambda step, values: None


class Part(NamedTuple):
    """A part of a job, by the seconds that are expected.

    Attributes:
      before: of the parts that are done.
      own: of this one.
      total: of all.
      began: when it began, by `time.monotonic`.
    """

    before: float
    own: float
    total: float
    began: float

    def done(self) -> float:
        """Seconds of the whole job that are done, of this part at most its own."""
        return self.before + min(time.monotonic() - self.began, self.own)

    def words(self) -> str:
        """How far the whole job is, `37 %, ETA 5 min`."""
        done = self.done()
        eta = duration(self.total - done)
        return f"{100 * done / self.total:.0f} %, ETA {eta}"


@contextmanager
def part_of_all(before: float, own: float, total: float) -> Iterator[None]:
    """Shows loops inside as a part of a job: one bar, or lines that say how far it is.

    Args:
      before: seconds expected of the parts that are done.
      own: of this part.
      total: of all.
    """
    global _part
    _part = Part(before, own, total, time.monotonic())
    try:
        yield
    finally:
        _part = None


@contextmanager
def _bar_of_all() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that goes on where that of the loop before ended."""
    part = _part
    form = "{percentage:3.0f}% {bar} {desc}"
    with tqdm(total=part.total, bar_format=form, leave=False) as bar:

        def show(label: str, step: int, total: int) -> None:
            bar.n = part.done()
            eta = duration(part.total - bar.n)
            bar.set_description_str(f"ETA {eta}, {label} {step}/{total}")

        yield show


def shown(items: Iterable[Any], label: str) -> Iterator[Any]:
    """The items, with the progress of the loop over them."""
    items = list(items)
    with progress(label, len(items)) as show:
        for done, item in enumerate(items, 1):
            yield item
            show(done, {})


def duration(seconds: float) -> str:
    """Seconds as rounded text.

    >>> [duration(seconds) for seconds in (41.2, 1200, 12600)]
    ['41 s', '20 min', '3.5 h']
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def say(line: str) -> None:
    """Prints a line at once.

    Raises:
      WriteError: standard output goes to a full disk, or is closed.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        raise WriteError(
            error.errno,
            f"standard output: cannot be written ({error.strerror}); mend that and run "
            "the same command again",
        ) from error


def _advance(bar: tqdm, step: int, values: Mapping[str, float]) -> None:
    bar.set_postfix(_rounded(values))
    bar.update(step - bar.n)


def _rounded(values: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{value:.4g}" for name, value in values.items()}


@contextmanager
def _lines(label: str, total: int, initial: int) -> Iterator[Show]:
    """A line at the start; a thread writes the others."""
    start = f"resumes at step {initial}" if initial else "starts, 0"
    say(f"{label}: {start} of {total}")
    began = time.monotonic()
    part = _part
    last: tuple[int, float, Mapping[str, float]] = initial, 0.0, {}
    finished = threading.Event()

    def show(step: int, values: Mapping[str, float]) -> None:
        nonlocal last
        last = step, time.monotonic() - began, values

    def write() -> None:
        while not finished.wait(_BETWEEN_LINES):
            step, seconds, values = last
            spent = time.monotonic() - began
            eta = _eta(step - initial, total - step, seconds, spent)
            numbers = "".join(f", {k} {v}" for k, v in _rounded(values).items())
            spent = duration(spent)
            whole = f"[{part.words()}] " if part else ""
            with suppress(WriteError):  # the next line of the main thread says so
                say(f"{whole}{label}: {step} of {total} in {spent}{eta}{numbers}")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield show
    finally:
        finished.set()
        writer.join()


def _eta(done: int, left: int, seconds: float, now: float) -> str:
    """The time that is left if all steps are as long as those done, as text.

    Args:
      done: steps that this process did.
      left: steps that it has to do.
      seconds: when the last of those done ended.
      now: seconds since the first began.

    >>> _eta(50, 100, 60.0, 70.0), _eta(0, 100, 0.0, 70.0), _eta(50, 10, 60.0, 75.0)
    (', ETA 2 min', '', ', ETA 0 s')
    """
    if not done:
        return ""
    return f", ETA {duration(max(0.0, seconds / done * left - (now - seconds)))}"
