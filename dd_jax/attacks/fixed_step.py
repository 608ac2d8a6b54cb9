"""Gradient attacks of a fixed step size, as chains: FGSM, PGD, MIM."""

from collections.abc import Callable

import optax

from dd_jax.attacks.attack import Attack
from dd_jax.attacks.chain import ascend
from dd_jax.attacks.constraints import Constraint, l2, linf
from dd_jax.attacks.objectives import LOSSES
from dd_jax.attacks.settings import Settings
from dd_jax.attacks.steps import direction, project, scale_to_unit_l1
from dd_jax.types import Array, InputError


def fgsm(eps: Array) -> Attack:
    """Fast gradient sign method: `x + eps * sign(grad CE)`, clipped to [0, 1].

    Source: Goodfellow et al. 2015, section 4.

    Args:
      eps: Linf radius in pixel units.
    """
    ball = linf(eps)
    step = optax.chain(direction(ball), optax.scale(eps), project(ball))
    run = ascend(ball, step, steps=1, random_start=False)
    return Attack(run, ball, Settings(1, eps, loss="ce"))


def _loss(name: str) -> Callable[[Array, Array], Array]:
    if name not in LOSSES:
        raise InputError(f"attack loss is {name!r}; it is one of {', '.join(LOSSES)}")
    return LOSSES[name]


def _pgd(ball: Constraint, steps, step_size, restarts, random_start, loss) -> Attack:
    if step_size is None:
        step_size = 2.5 * ball.eps / max(steps, 1)
    step = optax.chain(direction(ball), optax.scale(step_size), project(ball))
    starts = {"restarts": restarts, "random_start": random_start}
    run = ascend(ball, step, steps=steps, **starts, loss=_loss(loss))
    return Attack(run, ball, Settings(steps, step_size, **starts, loss=loss))


def pgd_linf(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
) -> Attack:
    """Projected gradient: `x <- P(x + a * sign(grad L))` in the Linf ball.

    Source: Madry et al. 2018, section 2.1. Differs from the released code in: the best
    iterate is kept instead of the last; the default step size follows eps.

    Args:
      eps: radius in pixel units.
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
      loss: what is raised, a key of `LOSSES`.
    """
    return _pgd(linf(eps), steps, step_size, restarts, random_start, loss)


def pgd_l2(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
    loss: str = "ce",
) -> Attack:
    """Projected gradient: `x <- P(x + a * g / ||g||_2)` in the L2 ball.

    Source and differences: see `pgd_linf`.

    Args:
      eps: radius in pixel units (of the whole image, not per pixel).
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
      loss: what is raised, a key of `LOSSES`.
    """
    return _pgd(l2(eps), steps, step_size, restarts, random_start, loss)


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
      loss: what is raised, a key of `LOSSES`.
    """
    ball = linf(eps)
    if step_size is None:
        step_size = eps / max(steps, 1)
    step = optax.chain(
        scale_to_unit_l1(),
        optax.trace(momentum),
        direction(ball),
        optax.scale(step_size),
        project(ball),
    )
    run = ascend(ball, step, steps=steps, random_start=False, loss=_loss(loss))
    settings = Settings(steps, step_size, momentum=momentum, loss=loss)
    return Attack(run, ball, settings)
