"""Factories that give the same object for the same arguments, of which few are kept."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")

KEPT = 64  # of the results of a function, the last ones used: a run takes twenty or so


def reused(make: Callable[P, R]) -> Callable[P, R]:
    """A pure function that gives the same object for the same arguments.

    Compiled programs belong to such objects and go with them. Of each function the
    results used last are kept, `KEPT` of them, so that neither a long sweep nor a
    notebook that makes a function again in every cell holds all that it ever compiled.

    >>> squares = reused(lambda x: [x * x])
    >>> squares(3) is squares(3)
    True
    """
    return lru_cache(maxsize=KEPT)(make)
