"""Step-size rules of APGD: when to look back, and what to do then."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.attacks.constraints import Constraint
from dd_jax.types import Array


class Progress(NamedTuple):
    """What a rule sees of one example after a step.

    Attributes:
      rose: `bool[]`, the loss is above that of the step before.
      best: `f32[]`, highest loss so far.
      support: `f32[]`, number of pixels that the best perturbation changes.
      check: `bool[]`, a checkpoint is due.
      window: `i32[]`, steps since the checkpoint before.
    """

    rose: Array
    best: Array
    support: Array
    check: Array
    window: Array


class Rule(NamedTuple):
    """A step-size rule, as pure functions of one example.

    Attributes:
      windows: checkpoint schedule, `steps -> i32[checks]`, steps from one to the next.
      init: `(delta f32[h w c], loss f32[]) -> state` at the start.
      step: `(state, gradient) -> f32[h w c]`, what to add.
      adapt: `(state, Progress) -> (state, bool[])`; the flag sends the example back to
        its best point.
      momentum: share of the new step in the mix with the step before; 1 for none.
      first: size of the first step.
    """

    windows: Callable[[int], list[int]]
    init: Callable[[Array, Array], Any]
    step: Callable[[Any, Array], Array]
    adapt: Callable[[Any, Progress], tuple[Any, Array]]
    momentum: float
    first: Array


class _Halving(NamedTuple):
    size: Array
    rises: Array
    best: Array
    reduced: Array


def halving(ball: Constraint) -> Rule:
    """From 2 eps on, halve the step where the loss rises too seldom or is stuck.

    At a checkpoint the size halves if at most 75 % of the steps since the last raised
    the loss, or if neither the size changed at the last one nor the best loss since.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    section 3.2. Differs from the released code in: the first step is compared with the
    start, not with 0.

    Args:
      ball: the norm ball, Linf or L2.
    """
    first = 2.0 * ball.eps

    def init(delta, loss):
        del delta
        size = jnp.asarray(first, jnp.float32)
        return _Halving(size, jnp.int32(0), loss, jnp.bool_(True))

    def adapt(state, seen):
        rises = state.rises + seen.rose
        stuck = ~state.reduced & (state.best >= seen.best)
        halve = seen.check & ((rises <= 0.75 * seen.window) | stuck)
        state = _Halving(
            size=jnp.where(halve, state.size / 2, state.size),
            rises=jnp.where(seen.check, 0, rises),
            best=jnp.where(seen.check, seen.best, state.best),
            reduced=jnp.where(seen.check, halve, state.reduced),
        )
        return state, halve

    step = lambda state, gradient: state.size * ball.steepest(gradient)
    return Rule(shrinking_windows, init, step, adapt, 0.75, first)


class _Sparse(NamedTuple):
    size: Array
    share: Array
    support: Array
    pixels: Array


def sparse(ball: Constraint) -> Rule:
    """Move the pixels of largest gradient only, as few as the best perturbation needs.

    The share of pixels that move is that of the perturbation at the start over 1.5, and
    at a checkpoint becomes that of the best perturbation over 1.5; where this lost 5 %
    of its pixels the size returns to eps and the example to its best point, elsewhere
    the size falls by 1.5, to eps / 10 at the least.

    Source: Croce and Hein 2021, "Mind the box", section 4, with the start of the
    released code (a share of 0.2 holds there for starts at the clean image, which are
    not used here). Differs from it in: the number of pixels is rounded down, to 1 at
    the least, so that the step of a small image too can narrow to a single pixel.

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
        kept = lambda new, old: jnp.where(seen.check, new, old)
        return jax.tree.map(kept, after, state), seen.check & shrank

    return Rule(even_windows, init, step, adapt, 1.0, ball.eps)


def shrinking_windows(steps: int) -> list[int]:
    """Windows that start at 22 % of the steps and shrink by 3 % to no less than 6 %.

    Args:
      steps: N, at least 1.

    Returns:
      Lengths; their running sum gives the checkpoints.

    >>> from itertools import accumulate
    >>> list(accumulate(shrinking_windows(100)))
    [22, 41, 57, 70, 80, 87, 93, 99]
    """
    least, fewer = max(int(0.06 * steps), 1), max(int(0.03 * steps), 1)
    window, windows = max(int(0.22 * steps), 1), []
    while sum(windows) + window <= steps:
        windows.append(window)
        window = max(window - fewer, least)
    return windows


def even_windows(steps: int) -> list[int]:
    """Windows of 4 % of the steps.

    Args:
      steps: N, at least 1.

    Returns:
      Lengths.

    >>> even_windows(100)[:3]
    [4, 4, 4]
    """
    window = max(int(0.04 * steps), 1)
    return [window] * (steps // window)
