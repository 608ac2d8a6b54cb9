"""Auto-PGD: projected gradient ascent with an adaptive step size."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint, ball_of
from dd_jax.attacks.eot import drawn_logits
from dd_jax.attacks.objectives import (
    TARGETED_LOSSES,
    loss_named,
    margin,
    wrong_classes,
)
from dd_jax.attacks.restarts import Restarts, select
from dd_jax.attacks.schedules import Progress, StepRule, halving, sparse
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key


class _State(NamedTuple):
    delta: Array
    previous: Array
    gradient: Array
    loss: Array
    best: tuple[Array, Array, Array]  # delta, gradient, loss of the highest loss
    closest: tuple[Array, Array]  # delta, margin of the largest margin
    rule: Any


def auto_pgd(
    ball: Constraint,
    loss: str,
    *,
    steps: int,
    restarts: int = 1,
    targets: int = 0,
    eot: int = 0,
) -> Restarts:
    """Auto-PGD from random starts, or towards each of several target classes.

    `z = P(d + s step(g))`, `d <- P(d + a (z - d) + (1 - a) (d - e))`, with e the
    previous d, and a = 1 at first, then the rule's momentum. In Linf and L2 the rule is
    `halving`; in L1 it is `sparse`, without momentum, and the radius of the ball is 3,
    2 and 1 times eps for 30, 30 and 40 % of the steps, each phase from the best point
    of the previous one.

    Each example ends at the iterate, start included, of the largest margin: it is
    misclassified if any of them was.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    algorithm 1; L1: Croce and Hein 2021, "Mind the box". Differs from the released code
    in: the iterate of the largest margin counts, not the last misclassified one; the
    margin of a randomised model is that of its mean logits.

    Args:
      ball: the norm ball.
      loss: what is maximised, a key of `LOSSES` or, with targets, `TARGETED_LOSSES`.
      steps: number of steps, static.
      restarts: random starts of an untargeted attack.
      targets: target classes, the most likely wrong ones on the clean image, at most
        all; 0 for an untargeted attack.
      eot: draws of a randomised model, see `drawn_logits`.

    Raises:
      InputError: no steps, no restarts, no such loss.
    """
    if steps < 1 or restarts < 1:
        raise InputError(f"attack has steps={steps}, restarts={restarts}; both need 1+")
    loss_fn = _loss(loss, targets)
    phases = _phases(ball, steps)
    _, rule, _ = phases[0]
    settings = Settings(
        steps=sum(steps for *_, steps in phases),
        step_size=rule.first,
        restarts=1 if targets else restarts,
        targets=targets,
        random_start=True,
        momentum=1 - rule.momentum,
        loss=loss,
        eot=eot,
    )

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
        for_start, for_first, for_steps = jax.random.split(key, 3)
        sampled = drawn_logits(logits_fn, eot)
        target = labels
        if targets:
            clean = sampled(for_first, images).mean(0)
            ranked = jax.vmap(wrong_classes, (0, 0, None))
            target = ranked(clean, labels, clean.shape[-1] - 1)[:, index]

        def evaluate(key, delta):
            def total(delta):
                logits = sampled(key, images + delta)
                rows = jax.vmap(loss_fn)
                losses = jax.vmap(rows, (0, None, None))(logits, labels, target)
                losses = losses.mean(0)
                return losses.sum(), (losses, logits.mean(0))

            gradient, (losses, logits) = jax.grad(total, has_aux=True)(delta)
            return gradient, losses, jax.vmap(margin)(logits, labels)

        keys = jax.random.split(for_start, len(images))
        delta = jax.vmap(partial(_start, phases[0][0]))(keys, images)
        for i, (outer, *how) in enumerate(phases):
            delta = jax.vmap(outer.within)(delta, images)
            for_phase = jax.random.fold_in(for_steps, i)
            end = _ascend(for_phase, evaluate, images, delta, outer, *how)
            delta = end.best[0]
        delta, margins = end.closest
        return jnp.clip(images + delta, 0.0, 1.0), margins

    return Restarts(run_once, settings, targets or restarts, targeted=bool(targets))


def _loss(name: str, targets: int) -> Callable[[Array, Array, Array], Array]:
    """`(logits f32[k], label i32[], target i32[]) -> f32[]`."""
    if targets:
        return TARGETED_LOSSES[name]
    untargeted = loss_named(name)
    return lambda logits, label, target: untargeted(logits, label)


def _phases(ball: Constraint, steps: int) -> list[tuple[Constraint, StepRule, int]]:
    """Ball, step-size rule and number of steps of each phase."""
    if ball.name != "l1":
        return [(ball, halving(ball), steps)]
    early = 3 * steps // 10
    wide = [ball_of("l1", factor * ball.eps) for factor in (3, 2) if early]
    phases = [(outer, sparse(outer), early) for outer in wide]
    return [*phases, (ball, sparse(ball), steps - 2 * early)]


def _start(ball: Constraint, key: Key, image: Array) -> Array:
    """A random direction on the sphere; in L1, noise projected onto ball and box."""
    if ball.name == "linf":
        noise = jax.random.uniform(key, image.shape, minval=-1.0)
    else:
        noise = jax.random.normal(key, image.shape)
    scale = 1.0 if ball.name == "l1" else ball.eps / ball.norm(noise)
    return ball.within(scale * noise, image)


def _ascend(key, evaluate, images, delta, ball, rule: StepRule, steps) -> _State:
    """All steps of one phase."""
    for_first, key = jax.random.split(key)
    gradient, loss, margins = evaluate(for_first, delta)
    init = jax.vmap(rule.init)(delta, loss)
    state = _State(
        delta, delta, gradient, loss, (delta, gradient, loss), (delta, margins), init
    )

    def body(state: _State, now):
        i, checkpoint, interval = now
        alpha = jnp.where(i == 0, 1.0, rule.momentum)
        step = jax.vmap(rule.step)(state.rule, state.gradient)
        ahead = jax.vmap(ball.within)(state.delta + step, images)
        mixed = alpha * (ahead - state.delta) + (1 - alpha) * (
            state.delta - state.previous
        )
        delta = jax.vmap(ball.within)(state.delta + mixed, images)
        gradient, loss, margins = evaluate(jax.random.fold_in(key, i), delta)
        best = _better(loss > state.best[2], (delta, gradient, loss), state.best)
        closest = _better(margins > state.closest[1], (delta, margins), state.closest)
        support = jnp.sum(best[0] != 0, (1, 2, 3), dtype=jnp.float32)
        adapt = lambda s, increased, best, support: rule.adapt(
            s, Progress(increased, best, support, checkpoint, interval)
        )
        after, to_best = jax.vmap(adapt)(
            state.rule, loss > state.loss, best[2], support
        )
        here = _better(to_best, best[:2], (delta, gradient))
        return _State(here[0], state.delta, here[1], loss, best, closest, after), None

    last = np.cumsum(rule.intervals(steps)) - 1
    checkpoints, intervals = np.zeros(steps, bool), np.zeros(steps, np.int32)
    checkpoints[last], intervals[last] = True, rule.intervals(steps)
    return lax.scan(body, state, (np.arange(steps), checkpoints, intervals))[0]


def _better(mask: Array, new: tuple, old: tuple) -> tuple:
    return tuple(select(mask, a, b) for a, b in zip(new, old, strict=True))
