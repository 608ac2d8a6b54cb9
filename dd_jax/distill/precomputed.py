"""What is computed of the real rows before the steps: experts, releases, or nothing."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dd_jax.distill.base import Experts, Method, Releases
from dd_jax.types import Array

TrainExperts = Callable[..., np.ndarray]


class Precomputed(NamedTuple):
    """Experts or releases of some distillations; both fields are None without any.

    Attributes:
      common: one for all.
      each: one for each, along the first axis.
    """

    common: Array | None
    each: Array | None

    def of(self, count: int) -> list[Array | None]:
        """One for each of `count` distillations."""
        return [self.common] * count if self.each is None else list(self.each)

    @property
    def made(self) -> Array | None:
        """Whichever is there."""
        return self.common if self.each is None else self.each


def precompute(
    wanted: Experts | Releases | None,
    keys: Array,
    member: np.ndarray,
    experts: TrainExperts | None,
    shared: bool,
) -> Precomputed:
    """What a method wants of its rows.

    Args:
      wanted: by the method; None for nothing.
      keys: `key[s]`.
      member: `bool[s n]`, the rows of each distillation.
      experts: see `distil_many`.
      shared: whether all have that of the first, which have to have the same rows.
    """
    if not wanted:
        return Precomputed(None, None)
    if shared:
        first = experts(keys[0], np.flatnonzero(member[0]), wanted)
        return Precomputed(jnp.asarray(first), None)
    each = [experts(k, np.flatnonzero(row), wanted) for k, row in zip(keys, member)]
    return Precomputed(None, jnp.stack(each))


def field_of(method: Method) -> str:
    """The field of `Real` for what a method has computed of its rows."""
    if not method.releases:
        return "experts"
    return "secret" if method.releases.in_steps else "released"
