"""The attacks by name."""

import inspect
from collections.abc import Callable

from dd_jax.attacks import adaptive, fixed_step
from dd_jax.attacks.attack import Attack
from dd_jax.types import InputError

ATTACKS: dict[str, Callable[..., Attack]] = {
    "apgd_ce": adaptive.apgd_ce,
    "apgd_dlr": adaptive.apgd_dlr,
    "apgd_t": adaptive.apgd_t,
    "autoattack": adaptive.autoattack,
    "cw_l2": adaptive.cw_l2,
    "deepfool": adaptive.deepfool,
    "fab_t": adaptive.fab_t,
    "fgsm": fixed_step.fgsm,
    "mim": fixed_step.mim,
    "noise": adaptive.noise,
    "pgd_l2": fixed_step.pgd_l2,
    "pgd_linf": fixed_step.pgd_linf,
    "square": adaptive.square,
}


def describe(name: str, eps: float, **settings) -> dict:
    """Everything that fixes an attack's strength, as plain JSON values.

    Args:
      name: a key of `ATTACKS`.
      eps: radius in pixel units.
      **settings: what else the attack is built with.

    Returns:
      `{eps, norm, step_size, steps, restarts, random_start, momentum}` and what else
      the attack can be built with, as given or by default.

    Raises:
      InputError: no attack of that name, or a setting that it does not have.

    >>> describe("fgsm", 0.1)["step_size"], describe("fab_t", 0.1)["targets"]
    (0.1, 9)
    """
    if name not in ATTACKS:
        raise InputError(f"no attack {name!r}; there are {', '.join(sorted(ATTACKS))}")
    make = ATTACKS[name]
    _, *options = inspect.signature(make).parameters.values()
    known = [option.name for option in options]
    if unknown := sorted(settings.keys() - set(known)):
        raise InputError(
            f"attack {name!r} has no setting {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    attack = make(eps=eps, **settings)
    chosen = {option.name: option.default for option in options} | settings
    return {
        "eps": float(eps),
        "norm": attack.ball.name,
        "step_size": None if attack.step_size is None else float(attack.step_size),
        "steps": attack.steps,
        "restarts": attack.restarts,
        "random_start": attack.random_start,
        "momentum": attack.momentum,
    } | {key: value for key, value in chosen.items() if key != "step_size"}
