"""Gradient attacks of a fixed step size, as chains: FGSM, PGD, MIM."""

import optax

from dd_jax.attacks.attack import Attack
from dd_jax.attacks.chain import ascend
from dd_jax.attacks.constraints import Constraint, l2, linf
from dd_jax.attacks.objectives import loss_named
from dd_jax.attacks.settings import Settings
from dd_jax.attacks.steps import direction, project, scale_to_unit_l1
from dd_jax.types import Array


def fgsm(eps: Array) -> Attack:
    """Fast gradient sign method: `x + eps * sign(grad CE)`, clipped to [0, 1].

    Source: Goodfellow et al. 2015, section 4.

    Args:
      eps: Linf radius in pixel units.
    """
    return projected_ascent(linf(eps), steps=1, step_size=eps, random_start=False)


def pgd_linf(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
) -> Attack:
    """Projected gradient descent: `x <- P(x + a * sign(grad L))` in the Linf ball.

    Source: Madry et al. 2018, section 2.1. Differs from the released code in: the best
    iterate is kept instead of the last; the default step size follows eps.

    Args:
      eps: radius in pixel units.
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
      loss: what is maximised, a key of `LOSSES`.
    """
    starts = {"restarts": restarts, "random_start": random_start}
    return _pgd(linf(eps), steps, step_size, loss, starts)


def pgd_l2(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
) -> Attack:
    """Projected gradient descent: `x <- P(x + a * g / ||g||_2)` in the L2 ball.

    Source and differences: see `pgd_linf`.

    Args:
      eps: radius in pixel units (of the whole image, not per pixel).
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
      loss: what is maximised, a key of `LOSSES`.
    """
    starts = {"restarts": restarts, "random_start": random_start}
    return _pgd(l2(eps), steps, step_size, loss, starts)


def _pgd(ball: Constraint, steps, step_size, loss, starts: dict) -> Attack:
    size = 2.5 * ball.eps / max(steps, 1) if step_size is None else step_size
    return projected_ascent(ball, steps=steps, step_size=size, loss=loss, **starts)


def mim(
    eps: Array,
    *,
    steps: int = 10,
    step_size: Array | None = None,
    momentum: float = 1.0,
    loss: str = "ce",
) -> Attack:
    """Momentum iterative method: `m <- mu m + g / ||g||_1`, `x <- P(x + a sign(m))`.

    Source: Dong et al. 2018, eqs. 6 and 7. Differs from the released code in: the best
    iterate is kept instead of the last.

    Args:
      eps: Linf radius in pixel units.
      steps: number of steps, static.
      step_size: a, absolute; None means `eps / steps`.
      momentum: mu.
      loss: what is maximised, a key of `LOSSES`.
    """
    size = eps / max(steps, 1) if step_size is None else step_size
    attack = projected_ascent(
        linf(eps),
        optax.chain(scale_to_unit_l1(), optax.trace(momentum)),
        steps=steps,
        step_size=size,
        random_start=False,
        loss=loss,
    )
    return attack._replace(settings=attack.settings._replace(momentum=momentum))


def projected_ascent(
    ball: Constraint,
    transform: optax.GradientTransformation | None = None,
    *,
    steps: int,
    step_size: Array,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
) -> Attack:
    """`delta <- P(delta + a * s(t(grad L(x + delta))))`, s the ball's steepest step.

    Args:
      ball: the norm ball.
      transform: t, of the gradient, such as momentum; None for none.
      steps: number of steps, static.
      step_size: a, absolute, in pixel units.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
      loss: what is maximised, a key of `LOSSES`.

    Raises:
      InputError: no such loss, or as `ascend`.
    """
    step = optax.chain(
        optax.identity() if transform is None else transform,
        direction(ball),
        optax.scale(step_size),
        project(ball),
    )
    starts = {"restarts": restarts, "random_start": random_start}
    run = ascend(ball, step, steps=steps, loss=loss_named(loss), **starts)
    return Attack(run, ball, Settings(steps, step_size, loss=loss, **starts))
