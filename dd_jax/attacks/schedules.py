"""Step-size rules of APGD: checkpoints, and what happens at each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.attacks.constraints import Constraint
from dd_jax.types import Array


class Progress(NamedTuple):
    """State of one example after a step, as a rule sees it.

    Attributes:
      increased: `bool[]`, the loss is above that of the previous step.
      best: `f32[]`, highest loss so far.
      support: `f32[]`, number of nonzero pixels of the best perturbation.
      checkpoint: `bool[]`, this step is a checkpoint.
      interval: `i32[]`, steps since the previous checkpoint.
    """

    increased: Array
    best: Array
    support: Array
    checkpoint: Array
    interval: Array


class StepRule(NamedTuple):
    """A step-size rule, as pure functions of one example.

    Attributes:
      intervals: checkpoint schedule, `steps -> [int]`, steps from each to the next.
      init: `(delta f32[h w c], loss f32[]) -> state` at the start.
      step: `(state, gradient) -> f32[h w c]`, what to add.
      adapt: `(state, Progress) -> (state, bool[])`; the flag restarts the example from
        its best point.
      momentum: alpha, the weight of the new step beside the previous one; 1 for none.
      first: size of the first step.
    """

    intervals: Callable[[int], list[int]]
    init: Callable[[Array, Array], Any]
    step: Callable[[Any, Array], Array]
    adapt: Callable[[Any, Progress], tuple[Any, Array]]
    momentum: float
    first: Array


class _Halving(NamedTuple):
    size: Array
    increases: Array
    best: Array
    reduced: Array


def halving(ball: Constraint) -> StepRule:
    """Start at 2 eps; halve the step size where the loss increases too rarely.

    At a checkpoint the step size halves if at most 75 % of the steps since the previous
    one increased the loss, or if the step size did not change there and the best loss
    has not improved since.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    section 3.2. Differs from the released code in: the loss of the first
    step is compared with that of the start, not with 0.

    Args:
      ball: the norm ball, Linf or L2.
    """
    first = 2.0 * ball.eps

    def init(delta, loss):
        del delta
        size = jnp.asarray(first, jnp.float32)
        return _Halving(size, jnp.int32(0), loss, jnp.bool_(True))

    def adapt(state, seen):
        increases = state.increases + seen.increased
        stuck = ~state.reduced & (state.best >= seen.best)
        rare = increases <= 0.75 * seen.interval
        halve = seen.checkpoint & (rare | stuck)
        state = _Halving(
            size=jnp.where(halve, state.size / 2, state.size),
            increases=jnp.where(seen.checkpoint, 0, increases),
            best=jnp.where(seen.checkpoint, seen.best, state.best),
            reduced=jnp.where(seen.checkpoint, halve, state.reduced),
        )
        return state, halve

    step = lambda state, gradient: state.size * ball.steepest(gradient)
    return StepRule(decreasing_intervals, init, step, adapt, 0.75, first)


class _Sparse(NamedTuple):
    size: Array
    share: Array
    support: Array
    pixels: Array


def sparse(ball: Constraint) -> StepRule:
    """Sparse steps: only the pixels of largest gradient move.

    The share of pixels that move is the share of nonzero pixels of the starting
    perturbation over 1.5, and at each checkpoint that of the best perturbation over
    1.5. Where the support of the best perturbation shrank by 5 % the step size returns
    to eps and the example to its best point; elsewhere the step size is divided by 1.5,
    to at least eps / 10.

    Source: Croce and Hein 2021, "Mind the box", section 4, with the start of the
    released code (a share of 0.2 is for starts at the clean image, which are not
    used here). Differs from it in: the number of pixels is rounded down, to at least 1,
    so that the step of a small image can narrow to a single pixel.

    Args:
      ball: the L1 ball.
    """
    full = jnp.asarray(ball.eps, jnp.float32)

    def init(delta, loss):
        del loss
        pixels = jnp.float32(delta.size)
        support = jnp.float32((delta != 0).sum())
        return _Sparse(full, support / pixels / 1.5, support, pixels)

    def step(state, gradient):
        sizes = jnp.abs(gradient)
        moved = jnp.maximum((state.share * sizes.size).astype(jnp.int32), 1)
        threshold = jnp.sort(sizes.ravel())[sizes.size - moved]
        signs = jnp.sign(gradient) * (sizes >= threshold)
        return state.size * signs / jnp.maximum(jnp.abs(signs).sum(), 1.0)

    def adapt(state, seen):
        shrank = seen.support < 0.95 * state.support
        size = jnp.where(shrank, full, jnp.maximum(state.size / 1.5, full / 10))
        share = seen.support / state.pixels / 1.5
        after = _Sparse(size, share, seen.support, state.pixels)
        kept = lambda new, old: jnp.where(seen.checkpoint, new, old)
        return jax.tree.map(kept, after, state), seen.checkpoint & shrank

    return StepRule(equal_intervals, init, step, adapt, 1.0, ball.eps)


def decreasing_intervals(steps: int) -> list[int]:
    """Intervals from 22 % of the steps, each shorter by 3 %, down to 6 %.

    Args:
      steps: N, at least 1.

    Returns:
      Lengths; their cumulative sum gives the checkpoints.

    >>> from itertools import accumulate
    >>> list(accumulate(decreasing_intervals(100)))
    [22, 41, 57, 70, 80, 87, 93, 99]
    """
    least, fewer = max(int(0.06 * steps), 1), max(int(0.03 * steps), 1)
    interval, intervals = max(int(0.22 * steps), 1), []
    while sum(intervals) + interval <= steps:
        intervals.append(interval)
        interval = max(interval - fewer, least)
    return intervals


def equal_intervals(steps: int) -> list[int]:
    """Intervals of 4 % of the steps.

    Args:
      steps: N, at least 1.

    Returns:
      Lengths.

    >>> equal_intervals(100)[:3]
    [4, 4, 4]
    """
    interval = max(int(0.04 * steps), 1)
    return [interval] * (steps // interval)
