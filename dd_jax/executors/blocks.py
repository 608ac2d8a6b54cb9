"""Cells that run as one program: neighbours that differ in traced values alone."""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.executors.groups import shares_of


class Together(NamedTuple):
    """How cells are run together before each ends by itself.

    Attributes:
      take: `(cells, work directory) -> None`, takes the steps that they share.
      at_once: most cells that do so, by the devices that one of them asks for.
    """

    take: Callable[[Sequence[Any], Path], None]
    at_once: Callable[[int], int]


def blocks(
    numbers: Sequence[int], cells: Sequence[Any], at_once: Callable[[int], int]
) -> list[list[int]]:
    """Cuts cells into blocks of neighbours that share programs and devices.

    Args:
      numbers: of the cells that are left, in order.
      cells: prepared, all of them.
      at_once: see `Together`.
    """
    if all(at_once(devices) < 2 for devices in {c.config.devices for c in cells}):
        return [[i] for i in numbers]
    kind = lambda i: (shares_of(cells[i]).programs, cells[i].config.devices)
    found = []
    for (_, devices), neighbours in groupby(numbers, kind):
        group, most = [*neighbours], max(1, at_once(devices))
        found += [group[i : i + most] for i in range(0, len(group), most)]
    return found
