"""A whole grid checked before any of it runs: what is impossible is listed at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TypeVar

from dd_jax.system.paths import describe_error
from dd_jax.types import InputError

A, B = TypeVar("A"), TypeVar("B")


def each_possible(
    make: Callable[[A], B], cells: Sequence[A], labels: Sequence[str]
) -> list[B]:
    """What `make` gives for each cell, where it refuses none.

    Raises:
      InputError: all cells that it refuses by an InputError or OSError, see `refuse`.

    >>> each_possible(abs, [-1, 2], ["a=-1", "a=2"])
    [1, 2]
    """
    made, reasons = possible(make, enumerate(cells))
    if reasons:
        refuse(reasons, labels)
    return [made[i] for i in range(len(cells))]


def possible(
    make: Callable[[A], B], cells: Iterable[tuple[int, A]]
) -> tuple[dict[int, B], dict[int, str]]:
    """What `make` gives for the cells that it accepts, and why it refuses the others.

    Args:
      make: what raises an InputError or OSError for an impossible cell.
      cells: each with its number.

    Returns:
      `number -> result` and `number -> reason`.
    """
    made, reasons = {}, {}
    for number, cell in cells:
        try:
            made[number] = make(cell)
        except InputError as error:
            reasons[number] = str(error)
        except OSError as error:
            reasons[number] = describe_error(error)
    return made, reasons


def refuse(reasons: dict[int, str], labels: Sequence[str]) -> NoReturn:
    """Names the impossible cells: their count, and all of them by reason.

    Args:
      reasons: number of a cell, from 0, to why it cannot run; at least one.
      labels: of all cells of the grid.

    Raises:
      InputError: always; of a grid of one cell, its reason alone.

    >>> refuse({1: "no", 2: "too large"}, ["ipc=1", "ipc=0", "ipc=999"])
    Traceback (most recent call last):
    dd_jax.types.InputError: 2 of 3 cells cannot run: ipc=0: no; ipc=999: too large
    """
    if len(labels) == 1:
        raise InputError(reasons[0])
    first: dict[str, list[str]] = {}  # reason -> labels
    for i in sorted(reasons):
        first.setdefault(reasons[i], []).append(labels[i])
    words = "; ".join(f"{', '.join(of)}: {reason}" for reason, of in first.items())
    raise InputError(f"{len(reasons)} of {len(labels)} cells cannot run: {words}")
