"""Experiment files and the cells of a sweep: points are dicts of dotted config keys.

>>> product({"distill.ipc": [1, 10], "distill.init": ["noise"]})[1]
{'distill.ipc': 10, 'distill.init': 'noise'}
"""

import itertools
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.fields import fields
from dd_jax.config.grid import each_possible
from dd_jax.system.one_line import error_line
from dd_jax.system.paths import expanded, no_file
from dd_jax.types import InputError

Point = dict[str, Any]


def product(axes: dict[str, Iterable[Any]]) -> list[Point]:
    """Every combination of the values; the last axis varies fastest.

    Put axes that change array shapes first, so that neighbouring cells share compiled
    programs. Join several products or zips with `+`; take some of them by `where`.
    """
    lists = _lists(axes)
    return [dict(zip(lists, values)) for values in itertools.product(*lists.values())]


def zipped(axes: dict[str, Iterable[Any]]) -> list[Point]:
    """Values at the same position: the first of each list, then the second of each.

    Raises:
      InputError: lists of different lengths, or no lists.

    >>> zipped({"distill.ipc": [1, 10], "distill.steps": [100, 400]})[1]
    {'distill.ipc': 10, 'distill.steps': 400}
    """
    lists = _lists(axes)
    if len({len(values) for values in lists.values()}) > 1:
        lengths = ", ".join(f"{key}: {len(values)}" for key, values in lists.items())
        raise InputError(f"zipped(): lists must be of one length, not {lengths}")
    return [dict(zip(lists, values)) for values in zip(*lists.values())]


def _lists(axes: dict[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The values of each axis; those of NumPy as Python has them.

    Raises:
      InputError: a text or a number in place of a list.
    """
    lists = {}
    for key, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InputError(f"{key}={values!r}: give a list of values")
        lists[key] = [v.item() if isinstance(v, np.generic) else v for v in values]
    return lists


def where(points: Iterable[Point], keep: Callable[[Point], bool]) -> list[Point]:
    """The points that a condition holds for, in their order.

    Args:
      points: from `product`, `zipped` and their sums.
      keep: `point -> bool`; the point has the keys that are swept, no others.

    Raises:
      InputError: the condition reads a key that a point does not have.

    >>> grid = product({"data.num_classes": [2, 10], "distill.ipc": [1, 50]})
    >>> where(grid, lambda p: p["data.num_classes"] * p["distill.ipc"] <= 100)[2]
    {'data.num_classes': 10, 'distill.ipc': 1}
    """
    kept = []
    for point in points:
        try:
            if keep(point):
                kept.append(point)
        except KeyError as error:
            if error.args[0] in point:
                raise
            keys = ", ".join(point) or "no keys"
            raise InputError(
                f"where(): the condition reads {error.args[0]!r}; a point has {keys}"
            ) from None
    return kept


def expand(
    config: ConfigDict, points: list[Point], overridden: Collection[str] = ()
) -> list[ConfigDict]:
    """One config per cell of a sweep.

    Args:
      config: the base config, overrides from the command line already in it.
      points: sweep points, from `product` and `zipped`.
      overridden: keys given on the command line, whose values `config` holds. The cells
        with these values are taken; where no cell has one, it replaces that of all.
        Cells that do not differ are merged.

    Raises:
      InputError: a swept key that does not exist; values that no key can have. Those
        of another type than that of their key are found by `config.validate`, as are
        those out of range.
    """
    for key in dict.fromkeys(key for point in points for key in point):
        configs.check_key(key, "sweep()")
    values = configs.flat(config)
    for key in overridden:
        points = [p for p in points if p.get(key) == values[key]] or points
    distinct = {}
    for point in points:
        kept = {key: value for key, value in point.items() if key not in overridden}
        distinct.setdefault(_name(kept), kept)
    taken = list(distinct.values())
    cells = each_possible(
        lambda point: configs.override(config, point, "sweep()", typed=False),
        taken,
        [" ".join(f"{key}={value!r}" for key, value in p.items()) for p in taken],
    )
    if len({frozenset(point) for point in taken}) == 1:
        return cells  # points of the same keys differ
    differing: dict[frozenset, ConfigDict] = {}
    for cell in cells:
        differing.setdefault(_name(configs.flat(cell)), cell)
    return list(differing.values())


def _name(point: Point) -> frozenset:
    """Equal for equal points."""
    as_tuple = lambda value: tuple(value) if isinstance(value, list) else value
    try:
        return frozenset((key, as_tuple(value)) for key, value in point.items())
    except TypeError:  # a dict, which is no value of a key
        return frozenset((key, repr(value)) for key, value in point.items())


def labels(cells: list[ConfigDict]) -> list[str]:
    """A label of each cell: the keys in which cells differ, such as `ipc=5 init=real`.

    A key that follows from those before it, such as a learning rate that is chosen by
    method, is left out. Keys are cut to their last part unless two of them would be
    equal.
    """
    values = [configs.flat(cell) for cell in cells]
    varying = [key for key in fields() if _differ([v[key] for v in values])]
    leaves = [key.split(".")[-1] for key in varying]
    labels = [""] * len(cells)
    for key, leaf in zip(varying, leaves):
        name = leaf if leaves.count(leaf) == 1 else key
        longer = [f"{label} {name}={v[key]}" for label, v in zip(labels, values)]
        if len(set(longer)) > len(set(labels)):
            labels = longer
    return [label.strip() for label in labels]


def _differ(values: list[Any]) -> bool:
    return values.count(values[0]) < len(values)


class Experiment(NamedTuple):
    """A config file: its config, and its sweep points (an empty one if none)."""

    config: ConfigDict
    points: list[Point]


def experiment(module: ModuleType, overrides: Point | None = None) -> Experiment:
    """What a Python file says by `get_config()` and, for a sweep, `sweep()`.

    Args:
      module: the file, as `read` gives it.
      overrides: dotted keys to replace in its config.

    Raises:
      InputError: an error inside it, or results of the wrong kind.
    """
    path = module.__file__
    config = _call(module, "get_config")
    if not isinstance(config, ConfigDict):
        raise InputError(f"{path}: get_config() must return a changed config.default()")
    points = _call(module, "sweep") if hasattr(module, "sweep") else [{}]
    if not (
        isinstance(points, list) and points and all(isinstance(p, dict) for p in points)
    ):
        raise InputError(
            f"{path}: sweep() must return at least one point, as product({{...}}) gives"
        )
    return Experiment(configs.override(config, overrides or {}, str(path)), points)


def read(path: str | Path) -> ModuleType:
    """A Python file as a module; what it registers is in the catalogue from then on.

    Raises:
      InputError: no such file, or an error inside it.
    """
    path = expanded(path)
    why = no_file(path) or ("" if path.suffix == ".py" else "no file of Python code")
    if why:
        raise InputError(f"--config={path}: {why}; give a Python config file")
    module = ModuleType(f"config file {path.resolve()}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look names up
    try:  # from its source: a compiled file can be older, and would be left behind
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        raise InputError(f"{path}: {error_line(error)}") from error
    return module


def _call(module: ModuleType, name: str) -> Any:
    if not hasattr(module, name):
        raise InputError(f"{module.__file__}: must define {name}()")
    try:
        return getattr(module, name)()
    except Exception as error:
        raise InputError(f"{module.__file__}: {name}(): {error_line(error)}") from error
