"""Auto-PGD: projected gradient ascent that sets its own step size."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint, ball_of
from dd_jax.attacks.objectives import margin, wrong_classes
from dd_jax.attacks.rounds import Rounds, draws, select
from dd_jax.attacks.schedules import Progress, Rule, halving, sparse
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key

Loss = Callable[[Array, Array, Array], Array]


class _State(NamedTuple):
    delta: Array
    before: Array
    gradient: Array
    loss: Array
    best: tuple[Array, Array, Array]  # delta, gradient, loss of the highest loss
    top: tuple[Array, Array]  # delta, margin of the highest margin
    rule: Any


def apgd(
    ball: Constraint,
    loss: Loss,
    *,
    steps: int,
    restarts: int = 1,
    targets: int = 0,
    eot: int = 0,
) -> Rounds:
    """Auto-PGD from a random start, as independent runs.

    `z = P(d + s step(g))`, `d <- P(d + a (z - d) + (1 - a) (d - d_before))`, with a = 1
    at first, then the rule's momentum. In Linf and L2 the rule is `halving`; in L1 it
    is `sparse`, without momentum, and the run goes through balls of 3, 2 and 1 times
    the radius with 30, 30 and 40 % of the steps, each from the best point of the one
    before.

    Each example ends at the iterate, start included, of the largest margin: it is
    misclassified if any of them was.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    algorithm 1; L1: Croce and Hein 2021, "Mind the box". Differs from the released code
    in: the iterate of the largest margin counts, not the last misclassified one; a
    randomised model is judged by the mean of its logits.

    Args:
      ball: the norm ball.
      loss: `(logits f32[k], label, target) -> f32[]`, to raise; the target of a run is
        the wrong class of its rank on the clean image.
      steps: number of steps, static.
      restarts: runs of an untargeted attack.
      targets: runs of a targeted attack, at most one for each wrong class; 0 for none.
      eot: draws of a randomised model, see `Rounds`.

    Raises:
      InputError: no steps, no restarts.
    """
    if steps < 1 or restarts < 1:
        raise InputError(f"attack has steps={steps}, restarts={restarts}; both need 1+")
    phases = _phases(ball, steps)
    _, rule, _ = phases[0]
    settings = Settings(
        steps=sum(steps for *_, steps in phases),
        step_size=rule.first,
        restarts=1 if targets else restarts,
        targets=targets,
        random_start=True,
        momentum=1 - rule.momentum,
        eot=eot,
    )

    def one(key: Key, logits_fn: LogitsFn, images: Array, labels: Array, index: Array):
        for_start, for_first, for_steps = jax.random.split(key, 3)
        sampled = draws(logits_fn, eot)
        aims = labels
        if targets:
            clean = sampled(for_first, images).mean(0)
            ranked = jax.vmap(wrong_classes, (0, 0, None))
            aims = ranked(clean, labels, clean.shape[-1] - 1)[:, index]

        def evaluate(key, delta):
            def total(delta):
                logits = sampled(key, images + delta)
                rows = jax.vmap(loss)
                losses = jax.vmap(rows, (0, None, None))(logits, labels, aims).mean(0)
                return losses.sum(), (losses, logits.mean(0))

            gradient, (losses, logits) = jax.grad(total, has_aux=True)(delta)
            return gradient, losses, jax.vmap(margin)(logits, labels)

        keys = jax.random.split(for_start, len(images))
        delta = jax.vmap(partial(_start, phases[0][0]))(keys, images)
        for i, (outer, *how) in enumerate(phases):
            delta = jax.vmap(outer.within)(delta, images)
            for_phase = jax.random.fold_in(for_steps, i)
            end = _climb(for_phase, evaluate, images, delta, outer, *how)
            delta = end.best[0]
        delta, height = end.top
        return jnp.clip(images + delta, 0.0, 1.0), height

    return Rounds(one, settings, targets or restarts, targeted=bool(targets), eot=eot)


def _phases(ball: Constraint, steps: int) -> list[tuple[Constraint, Rule, int]]:
    """Balls one after another, the rule in each, and its number of steps."""
    if ball.name != "l1":
        return [(ball, halving(ball), steps)]
    early = 3 * steps // 10
    wide = [ball_of("l1", factor * ball.eps) for factor in (3, 2) if early]
    phases = [(outer, sparse(outer), early) for outer in wide]
    return [*phases, (ball, sparse(ball), steps - 2 * early)]


def _start(ball: Constraint, key: Key, image: Array) -> Array:
    """A random direction on the sphere; in L1 noise moved into ball and box."""
    if ball.name == "linf":
        noise = jax.random.uniform(key, image.shape, minval=-1.0)
    else:
        noise = jax.random.normal(key, image.shape)
    scale = 1.0 if ball.name == "l1" else ball.eps / ball.norm(noise)
    return ball.within(scale * noise, image)


def _climb(key, evaluate, images, delta, ball, rule: Rule, steps) -> _State:
    """All steps of one phase."""
    for_first, key = jax.random.split(key)
    gradient, loss, height = evaluate(for_first, delta)
    init = jax.vmap(rule.init)(delta, loss)
    state = _State(
        delta, delta, gradient, loss, (delta, gradient, loss), (delta, height), init
    )

    def body(state: _State, now):
        i, check, window = now
        share = jnp.where(i == 0, 1.0, rule.momentum)
        step = jax.vmap(rule.step)(state.rule, state.gradient)
        ahead = jax.vmap(ball.within)(state.delta + step, images)
        mixed = share * (ahead - state.delta) + (1 - share) * (
            state.delta - state.before
        )
        delta = jax.vmap(ball.within)(state.delta + mixed, images)
        gradient, loss, height = evaluate(jax.random.fold_in(key, i), delta)
        best = _better(loss > state.best[2], (delta, gradient, loss), state.best)
        top = _better(height > state.top[1], (delta, height), state.top)
        support = jnp.sum(best[0] != 0, (1, 2, 3), dtype=jnp.float32)
        adapt = lambda s, rose, high, pixels: rule.adapt(
            s, Progress(rose, high, pixels, check, window)
        )
        after, rewind = jax.vmap(adapt)(state.rule, loss > state.loss, best[2], support)
        here = _better(rewind, best[:2], (delta, gradient))
        return _State(here[0], state.delta, here[1], loss, best, top, after), None

    last = np.cumsum(rule.windows(steps)) - 1
    check, window = np.zeros(steps, bool), np.zeros(steps, np.int32)
    check[last], window[last] = True, rule.windows(steps)
    return lax.scan(body, state, (np.arange(steps), check, window))[0]


def _better(mask: Array, new: tuple, old: tuple) -> tuple:
    return tuple(select(mask, a, b) for a, b in zip(new, old, strict=True))
