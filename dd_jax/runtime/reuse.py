"""What is built once and used again, as long as it is made from the same arguments."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")

KEPT = 64  # of the results of a function, the last ones used: a run takes twenty or so


def reused(make: Callable[P, R]) -> Callable[P, R]:
    """A pure function that gives the same object for the same arguments.

    Compiled programs belong to such objects. Of each function a bounded number is kept,
    so that a long sweep does not hold the networks of all its runs.

    >>> squares = reused(lambda x: [x * x])
    >>> squares(3) is squares(3)
    True
    """
    return lru_cache(maxsize=KEPT)(make)
