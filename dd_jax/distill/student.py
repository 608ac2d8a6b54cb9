"""How far a student ends from an expert, and the gradient of that through its steps."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.types import Array, SyntheticSet

Gradient = Callable[[Array, SyntheticSet, Array, Array], Array]


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


def block_length(steps: int) -> int:
    """Largest divisor of `steps` that is at most its square root.

    >>> block_length(30), block_length(16), block_length(7)
    (5, 4, 1)
    """
    return max(b for b in range(1, math.isqrt(steps) + 1) if steps % b == 0)


def relative_distance(reached: Array, course: Course) -> Array:
    """`||w - target||^2 / ||start - target||^2`, `f32[]`."""
    scale = jnp.square(course.start - course.target).sum()
    return jnp.square(reached - course.target).sum() / scale


def exact(gradient: Gradient, made: SyntheticSet, course: Course):
    """Distance after N steps and its gradient through all of them.

    `w <- w - lr g(w, batch)`. Only every `block_length(N)`-th w is kept and the steps
    between are done again on the way back, so that memory grows with `sqrt(N)`.

    Args:
      gradient: `(w f32[p], set, key, rows i32[b]) -> f32[p]`, of the training loss.
      made: the synthetic set.
      course: see `Course`.

    Returns:
      The distance `f32[]` and its gradient in the shape of `made`.
    """
    length = block_length(len(course.rows))

    def loss_fn(made):
        def step(w, at):
            return w - made.lr * gradient(w, made, *at), None

        block = jax.checkpoint(lambda w, at: lax.scan(step, w, at))
        split = lambda a: a.reshape(-1, length, *a.shape[1:])
        steps = split(course.keys), split(course.rows)
        return relative_distance(lax.scan(block, course.start, steps)[0], course)

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
