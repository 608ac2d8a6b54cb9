"""Memoised factories: the same arguments give the same object."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import jax

P, R = ParamSpec("P"), TypeVar("R")

MAX_SIZE = 64  # cached results of each function; one run uses about twenty


def reused(make: Callable[P, R]) -> Callable[P, R]:
    """A pure function that gives the same object for the same arguments.

    Compiled programs belong to such objects and go with them. What is made of traced
    values belongs to their program alone, and is made each time. Of each function the
    `MAX_SIZE` results used last are cached, so that neither a long sweep nor a
    notebook that makes a function again in every cell holds all that it ever compiled.

    >>> squares = reused(lambda x: [x * x])
    >>> squares(3) is squares(3)
    True
    """
    known = lru_cache(maxsize=MAX_SIZE)(make)

    @wraps(make)
    def found_or_made(*args: P.args, **options: P.kwargs) -> R:
        leaves = jax.tree.leaves((args, options))
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
        return make(*args, **options) if traced else known(*args, **options)

    return found_or_made
