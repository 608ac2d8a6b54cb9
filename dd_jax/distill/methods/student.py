"""How far a student ends from an expert, and the gradient of that through its steps."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.models import keep_products
from dd_jax.runtime.device_memory import batch_memory
from dd_jax.runtime.platform import in_turn
from dd_jax.types import Array, SyntheticSet

Gradient = Callable[[Array, SyntheticSet, Array, Array], Array]
MEMORY = 1 << 30  # bytes that differentiation through a student may keep on CPU


class TrajectorySegment(NamedTuple):
    """The part of an expert's trajectory that one student matches.

    Attributes:
      start: `f32[p]`, the expert's parameters that the student starts from.
      target: `f32[p]`, those that it should reach.
      keys: `key[N]`, of the augmentation of each step.
      rows: `i32[N b]`, the synthetic images of each step.
    """

    start: Array
    target: Array
    keys: Array
    rows: Array


def relative_distance(reached: Array, segment: TrajectorySegment) -> Array:
    """`||w - target||^2 / ||start - target||^2`, `f32[]`."""
    scale = jnp.square(segment.start - segment.target).sum()
    return jnp.square(reached - segment.target).sum() / scale


def stored_bytes(fun: Callable, *args) -> int:
    """Memory that reverse-mode differentiation of `fun(*args)` keeps for its way back.

    >>> stored_bytes(jnp.sin, jnp.zeros(100))
    400
    """
    back = jax.eval_shape(lambda *args: jax.vjp(fun, *args)[1], *args)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(back))


def exact_gradient(
    gradient: Gradient,
    synthetic: SyntheticSet,
    segment: TrajectorySegment,
    memory: int | None = None,
):
    """Distance after N steps and its gradient through all of them.

    `w <- w - lr g(w, batch)`. The convolutions and matrix products of all steps are
    stored where they fit in `memory`. Where they do not, only every w is, and each step
    is done again on the way back: a third more work. Where even these do not fit, every
    `isqrt(N)`-th w and the products of as many steps are, so that memory grows with
    `sqrt(N)`.

    Args:
      gradient: `(w f32[p], set, key, rows i32[b]) -> f32[p]`, of the training loss.
      synthetic: the synthetic set.
      segment: see `TrajectorySegment`.
      memory: bytes that the steps may keep; default `MEMORY` on CPU and what one batch
        may take on accelerators.

    Returns:
      The distance `f32[]` and its gradient in the shape of `synthetic`.
    """
    count = len(segment.rows)
    steps = segment.keys, segment.rows
    first = jax.tree.map(lambda a: a[0], steps)

    def step(w, synthetic, at):
        return w - synthetic.lr * gradient(w, synthetic, *at)

    with_products = jax.checkpoint(step, policy=keep_products)
    moved = lambda w, synthetic: with_products(w, synthetic, first)
    if memory is None:
        memory = MEMORY if in_turn() else batch_memory()
    products_fit = count * stored_bytes(moved, segment.start, synthetic) <= memory
    weights_fit = 4 * count * segment.start.size <= memory
    recomputed = weights_fit and not products_fit
    move = jax.checkpoint(step) if recomputed else with_products

    def loss_fn(synthetic):
        walk = lambda w, at: lax.scan(
            lambda w, at: (move(w, synthetic, at), None), w, at
        )
        if products_fit or weights_fit:
            return relative_distance(walk(segment.start, steps)[0], segment)
        length = math.isqrt(count)
        whole = count - count % length
        split = lambda a: a[:whole].reshape(-1, length, *a.shape[1:])
        blocks = jax.tree.map(split, steps)
        reached, _ = lax.scan(jax.checkpoint(walk), segment.start, blocks)
        if whole < count:
            rest = jax.tree.map(lambda a: a[whole:], steps)
            reached, _ = jax.checkpoint(walk)(reached, rest)
        return relative_distance(reached, segment)

    return jax.value_and_grad(loss_fn)(synthetic)


def tesla_gradient(
    gradient: Gradient, synthetic: SyntheticSet, segment: TrajectorySegment
):
    """`exact_gradient` without the terms between steps: memory does not depend on N.

    With `w_N = w_0 - lr sum_i g(w_i, batch_i)` and every w_i held fixed, each step adds
    `-2 lr (w_N - target) . dg / ||start - target||^2`.

    Cui et al. (2023), TESLA, arXiv:2211.10586, section 3.
    Differs from the released code in: the images see each step's own augmentation.

    Args:
      gradient: as for `exact_gradient`.
      synthetic: the synthetic set.
      segment: see `TrajectorySegment`.

    Returns:
      The distance `f32[]` and the approximate gradient in the shape of `synthetic`;
      that of the learning rate is exact in the linear form.
    """

    def step(w, at):
        return w - synthetic.lr * gradient(w, synthetic, *at), None

    steps = segment.keys, segment.rows
    last, _ = lax.scan(step, segment.start, steps)
    miss = 2 * (last - segment.target)
    pull = miss / jnp.square(segment.start - segment.target).sum()

    def add(carry, at):
        w, total = carry
        g, back = jax.vjp(lambda synthetic: gradient(w, synthetic, *at), synthetic)
        total = jax.tree.map(jnp.add, total, back(-synthetic.lr * pull)[0])
        return (w - synthetic.lr * g, total), None

    zero = jax.tree.map(jnp.zeros_like, synthetic)
    (_, total), _ = lax.scan(add, (segment.start, zero), steps)
    slope = -jnp.vdot(pull, segment.start - last) / synthetic.lr
    return relative_distance(last, segment), total._replace(lr=slope)
