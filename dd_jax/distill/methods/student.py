"""How far a student ends from an expert, and the gradient of that through its steps."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.models import keep_products
from dd_jax.types import Array, SyntheticSet

Gradient = Callable[[Array, SyntheticSet, Array, Array], Array]
MEMORY = 1 << 30  # bytes that differentiation through a student may keep


class Course(NamedTuple):
    """What one student goes through.

    Attributes:
      start: `f32[p]`, the expert where the student begins.
      target: `f32[p]`, the expert where it should arrive.
      keys: `key[N]`, of the augmentation of each step.
      rows: `i32[N b]`, the synthetic images of each step.
    """

    start: Array
    target: Array
    keys: Array
    rows: Array


def relative_distance(reached: Array, course: Course) -> Array:
    """`||w - target||^2 / ||start - target||^2`, `f32[]`."""
    scale = jnp.square(course.start - course.target).sum()
    return jnp.square(reached - course.target).sum() / scale


def stored_bytes(fun: Callable, *args) -> int:
    """Memory that reverse-mode differentiation of `fun(*args)` keeps for its way back.

    >>> stored_bytes(jnp.sin, jnp.zeros(100))
    400
    """
    back = jax.eval_shape(lambda *args: jax.vjp(fun, *args)[1], *args)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(back))


def exact(gradient: Gradient, made: SyntheticSet, course: Course, memory: int = MEMORY):
    """Distance after N steps and its gradient through all of them.

    `w <- w - lr g(w, batch)`. The convolutions and matrix products of all steps are
    kept where they fit in `memory`. Where they do not, only every `isqrt(N)`-th w is,
    and the steps between are done again on the way back: a third more work, with memory
    that grows with `sqrt(N)`.

    Args:
      gradient: `(w f32[p], set, key, rows i32[b]) -> f32[p]`, of the training loss.
      made: the synthetic set.
      course: see `Course`.
      memory: bytes that the steps may keep.

    Returns:
      The distance `f32[]` and its gradient in the shape of `made`.
    """
    count = len(course.rows)
    steps = course.keys, course.rows
    first = jax.tree.map(lambda a: a[0], steps)

    @partial(jax.checkpoint, policy=keep_products)
    def move(w, made, at):
        return w - made.lr * gradient(w, made, *at)

    moved = lambda w, made: move(w, made, first)
    fits = count * stored_bytes(moved, course.start, made) <= memory

    def loss_fn(made):
        walk = lambda w, at: lax.scan(lambda w, at: (move(w, made, at), None), w, at)
        if fits:
            return relative_distance(walk(course.start, steps)[0], course)
        length = math.isqrt(count)
        whole = count - count % length
        split = lambda a: a[:whole].reshape(-1, length, *a.shape[1:])
        blocks = jax.tree.map(split, steps)
        reached, _ = lax.scan(jax.checkpoint(walk), course.start, blocks)
        if whole < count:
            rest = jax.tree.map(lambda a: a[whole:], steps)
            reached, _ = jax.checkpoint(walk)(reached, rest)
        return relative_distance(reached, course)

    return jax.value_and_grad(loss_fn)(made)


def detached(gradient: Gradient, made: SyntheticSet, course: Course):
    """`exact` without the terms between steps: memory does not depend on N.

    With `w_N = w_0 - lr sum_i g(w_i, batch_i)` and every w_i held fixed, each step adds
    `-2 lr (w_N - target) . dg / ||start - target||^2`.

    Cui et al. (2023), TESLA, arXiv:2211.10586, section 3.
    Differs from the released code in: the images see each step's own augmentation.

    Args:
      gradient: as for `exact`.
      made: the synthetic set.
      course: see `Course`.

    Returns:
      The distance `f32[]` and the approximate gradient in the shape of `made`; that of
      the step size is exact in the linear form.
    """

    def step(w, at):
        return w - made.lr * gradient(w, made, *at), None

    steps = course.keys, course.rows
    last, _ = lax.scan(step, course.start, steps)
    miss = 2 * (last - course.target)
    pull = miss / jnp.square(course.start - course.target).sum()

    def add(carry, at):
        w, total = carry
        g, back = jax.vjp(lambda made: gradient(w, made, *at), made)
        total = jax.tree.map(jnp.add, total, back(-made.lr * pull)[0])
        return (w - made.lr * g, total), None

    zero = jax.tree.map(jnp.zeros_like, made)
    (_, total), _ = lax.scan(add, (course.start, zero), steps)
    slope = -jnp.vdot(pull, course.start - last) / made.lr
    return relative_distance(last, course), total._replace(lr=slope)
