"""The attacks by name: published recipes as chains of steps."""

from collections.abc import Callable
from typing import NamedTuple

import optax

from dd_jax.attacks.chain import LogitsFn, ascend
from dd_jax.attacks.constraints import Constraint, l2, linf
from dd_jax.attacks.steps import direction, project, scale_to_unit_l1
from dd_jax.types import Array, InputError, Key


class Attack(NamedTuple):
    """An attack to call, with the settings that a reader of its numbers needs.

    `attack(key, logits_fn, images f32[n h w c], labels i32[n]) -> images f32[n h w c]`,
    all in [0, 1].

    Attributes:
      run: the function itself.
      ball: norm and radius.
      step_size: absolute, in the units of eps.
      steps: number of gradient steps.
      restarts: number of starts, of which the best counts.
      random_start: whether it starts off the clean image.
      momentum: decay of the gradient average; 0 for none.
    """

    run: Callable[[Key, LogitsFn, Array, Array], Array]
    ball: Constraint
    step_size: Array
    steps: int
    restarts: int = 1
    random_start: bool = False
    momentum: float = 0.0

    def __call__(
        self, key: Key, logits_fn: LogitsFn, images: Array, labels: Array
    ) -> Array:
        """Perturbed images, in the ball around the clean ones and in [0, 1]."""
        return self.run(key, logits_fn, images, labels)


def fgsm(eps: Array) -> Attack:
    """Fast gradient sign method: `x + eps * sign(grad CE)`, clipped to [0, 1].

    Source: Goodfellow et al. 2015, section 4.

    Args:
      eps: Linf radius in pixel units.
    """
    ball = linf(eps)
    step = optax.chain(direction(ball), optax.scale(eps), project(ball))
    run = ascend(ball, step, steps=1, random_start=False)
    return Attack(run, ball, step_size=eps, steps=1)


def _pgd(ball: Constraint, steps, step_size, restarts, random_start) -> Attack:
    if step_size is None:
        step_size = 2.5 * ball.eps / max(steps, 1)
    step = optax.chain(direction(ball), optax.scale(step_size), project(ball))
    run = ascend(ball, step, steps=steps, restarts=restarts, random_start=random_start)
    return Attack(run, ball, step_size, steps, restarts, random_start)


def pgd_linf(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
) -> Attack:
    """Projected gradient: `x <- P(x + a * sign(grad CE))` in the Linf ball.

    Source: Madry et al. 2018, section 2.1. Differs from the released code in: the best
    iterate is kept instead of the last; the default step size follows eps.

    Args:
      eps: radius in pixel units.
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
    """
    return _pgd(linf(eps), steps, step_size, restarts, random_start)


def pgd_l2(
    eps: Array,
    *,
    steps: int = 20,
    step_size: Array | None = None,
    restarts: int = 1,
    random_start: bool = True,
) -> Attack:
    """Projected gradient: `x <- P(x + a * g / ||g||_2)` in the L2 ball.

    Source and differences: see `pgd_linf`.

    Args:
      eps: radius in pixel units (of the whole image, not per pixel).
      steps: number of steps, static.
      step_size: a, absolute; None means `2.5 * eps / steps`.
      restarts: random starts, static.
      random_start: begin at a uniform point of the ball.
    """
    return _pgd(l2(eps), steps, step_size, restarts, random_start)


def mim(
    eps: Array,
    *,
    steps: int = 10,
    step_size: Array | None = None,
    momentum: float = 1.0,
) -> Attack:
    """Momentum iterative method: `m <- mu m + g / ||g||_1`, `x <- P(x + a sign(m))`.

    Source: Dong et al. 2018, eqs. 6 and 7. Differs from the released code in: the best
    iterate is kept instead of the last.

    Args:
      eps: Linf radius in pixel units.
      steps: number of steps, static.
      step_size: a, absolute; None means `eps / steps`.
      momentum: mu.
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
    run = ascend(ball, step, steps=steps, random_start=False)
    return Attack(run, ball, step_size, steps, momentum=momentum)


ATTACKS: dict[str, Callable[..., Attack]] = {
    "fgsm": fgsm,
    "mim": mim,
    "pgd_l2": pgd_l2,
    "pgd_linf": pgd_linf,
}


def describe(name: str, eps: float, **settings) -> dict:
    """Everything that fixes an attack's strength, as plain JSON values.

    Args:
      name: a key of `ATTACKS`.
      eps: radius in pixel units.
      **settings: what else the attack is built with.

    Returns:
      `{eps, norm, step_size, steps, restarts, random_start, momentum}`.

    Raises:
      InputError: no attack of that name.

    >>> describe("fgsm", 0.1)["step_size"]
    0.1
    """
    if name not in ATTACKS:
        raise InputError(f"no attack {name!r}; there are {', '.join(sorted(ATTACKS))}")
    attack = ATTACKS[name](eps=eps, **settings)
    return {
        "eps": float(eps),
        "norm": attack.ball.name,
        "step_size": float(attack.step_size),
        "steps": attack.steps,
        "restarts": attack.restarts,
        "random_start": attack.random_start,
        "momentum": attack.momentum,
    }
