"""How far a student ends from an expert, and the gradient of that through its steps."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.methods.checkpointed_steps import after_steps
from dd_jax.types import Array, SyntheticSet

Gradient = Callable[[Array, SyntheticSet, Array, Array], Array]


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


def exact_gradient(
    gradient: Gradient,
    synthetic: SyntheticSet,
    segment: TrajectorySegment,
    memory: int | None = None,
):
    """Distance after N steps `w <- w - lr g(w, batch)` and its gradient through all.

    Args:
      gradient: `(w f32[p], set, key, rows i32[b]) -> f32[p]`, of the training loss.
      synthetic: the synthetic set.
      segment: see `TrajectorySegment`.
      memory: see `after_steps`.

    Returns:
      The distance `f32[]` and its gradient in the shape of `synthetic`.
    """

    def step(w, synthetic, at):
        return w - synthetic.lr * gradient(w, synthetic, *at)

    def loss_fn(synthetic):
        steps = segment.keys, segment.rows
        reached = after_steps(step, segment.start, synthetic, steps, memory)
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
