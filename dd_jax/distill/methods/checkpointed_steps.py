"""Training steps that are differentiated through, with as much stored as fits."""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
from jax import lax

from dd_jax.models import keep_products
from dd_jax.runtime.device_memory import batch_memory
from dd_jax.runtime.platform import in_turn
from dd_jax.types import SyntheticSet

State = TypeVar("State")
MEMORY = 1 << 30  # bytes that differentiation through steps may keep on CPU


def size_in_bytes(tree) -> int:
    """Bytes of all arrays of a tree."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def stored_bytes(fun: Callable, *args) -> int:
    """Memory that reverse-mode differentiation of `fun(*args)` keeps for its way back.

    >>> stored_bytes(jax.numpy.sin, jax.numpy.zeros(100))
    400
    """
    back = jax.eval_shape(lambda *args: jax.vjp(fun, *args)[1], *args)
    return size_in_bytes(back)


def after_steps(
    step: Callable[..., State],
    start: State,
    synthetic: SyntheticSet,
    steps,
    memory: int | None = None,
) -> State:
    """The state after N steps, differentiable in the set and the start.

    The convolutions and matrix products of all steps are stored where they fit in
    `memory`. Where they do not, only every state is, and each step is done again on the
    way back: a third more work. Where even these do not fit, every `isqrt(N)`-th state
    and the products of as many steps are, so that memory grows with `sqrt(N)`.

    Args:
      step: `(state, synthetic, at) -> state`.
      start: the first state.
      synthetic: the synthetic set.
      steps: a pytree with the leading axis N; `at` is its entry for a step.
      memory: bytes that the steps may keep; default `MEMORY` on CPU and what one batch
        may take on accelerators.

    Returns:
      The last state.
    """
    count = len(jax.tree.leaves(steps)[0])
    first = jax.tree.map(lambda a: a[0], steps)
    with_products = jax.checkpoint(step, policy=keep_products)
    moved = lambda state, synthetic: with_products(state, synthetic, first)
    if memory is None:
        memory = MEMORY if in_turn() else batch_memory()
    products_fit = count * stored_bytes(moved, start, synthetic) <= memory
    states_fit = count * size_in_bytes(start) <= memory
    recomputed = states_fit and not products_fit
    move = jax.checkpoint(step) if recomputed else with_products

    def walk(state, steps):
        return lax.scan(lambda s, at: (move(s, synthetic, at), None), state, steps)

    if products_fit or states_fit:
        return walk(start, steps)[0]
    length = math.isqrt(count)
    whole = count - count % length
    split = lambda a: a[:whole].reshape(-1, length, *a.shape[1:])
    blocks = jax.tree.map(split, steps)
    reached, _ = lax.scan(jax.checkpoint(walk), start, blocks)
    if whole < count:
        rest = jax.tree.map(lambda a: a[whole:], steps)
        reached, _ = jax.checkpoint(walk)(reached, rest)
    return reached
