"""The cells of a sweep made ready: all are checked, and all impossible ones named."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.grid import possible, refuse
from dd_jax.executors.cells import Request


def has_to_be_fetched(config: ConfigDict) -> bool:
    """Whether reading the data of a cell may download them."""
    return config.data.source.startswith("tfds:")


def require_valid(request: Request, started: Callable[[], ModuleType]) -> None:
    """Refuses a grid with wrong values; what else is impossible is named along with it.

    Args:
      request: cells whose values were not checked.
      started: gives `dd_jax.run`; called only where other cells are to be checked.

    Raises:
      InputError: all cells that cannot run, see `config.grid.refuse`.
    """
    valid, reasons = possible(configs.validate, enumerate(request.cells))
    if not reasons:
        return
    others = [i for i in valid if not has_to_be_fetched(request.cells[i])]
    if others:
        reasons |= _prepared(request, others, started())[1]
    refuse(reasons, request.labels)


def prepare(request: Request, run: ModuleType) -> list[Any]:
    """What `run.prepared` gives for the cells, in order.

    Data are read once for all cells on them, and what does not depend on the seed is
    checked once for all seeds.

    Raises:
      InputError: all cells that cannot run, see `config.grid.refuse`.
    """
    made = _all_prepared(request, range(len(request.cells)), run)
    return [*made.values()]


def prepare_at_hand(
    request: Request, started: Callable[[], ModuleType]
) -> dict[int, Any]:
    """The same, by number, of the cells whose data need not be fetched.

    Args:
      request: the cells.
      started: gives `dd_jax.run`; called where there are such cells.

    Raises:
      InputError: all of them that cannot run.
    """
    known = [i for i, cell in enumerate(request.cells) if not has_to_be_fetched(cell)]
    return _all_prepared(request, known, started()) if known else {}


def _all_prepared(
    request: Request, numbers: Sequence[int], run: ModuleType
) -> dict[int, Any]:
    made, reasons = _prepared(request, numbers, run)
    if reasons:
        refuse(reasons, request.labels)
    return {i: made[i] for i in numbers}


def _prepared(
    request: Request, numbers: Sequence[int], run: ModuleType
) -> tuple[dict[int, Any], dict[int, str]]:
    cells = request.cells
    data = {i: f"{configs.flat(cells[i].data)} {cells[i].seed}" for i in numbers}
    in_turn = sorted(numbers, key=data.__getitem__)
    with run.one_grid(request.elsewhere):
        return possible(run.prepared, ((i, cells[i]) for i in in_turn))
