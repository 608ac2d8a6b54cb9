"""The attacks by name."""

import inspect

from dd_jax.attacks.settings import as_json
from dd_jax.catalogue import Registry
from dd_jax.types import InputError

ATTACKS = Registry("attack")


def describe(name: str, eps: float, **settings) -> dict:
    """Everything that fixes an attack's strength, as plain JSON values.

    Args:
      name: a key of `ATTACKS`.
      eps: radius in pixel units.
      **settings: what else the attack is built with.

    Returns:
      `{eps, norm}`, the `Settings` that apply, and what else the attack can be built
      with, given or by default; of an ensemble also `parts`, `{attack}` and the
      `Settings` of each component.

    Raises:
      InputError: no attack of that name, or a setting that it does not have.

    >>> describe("fgsm", 0.1)["step_size"], describe("fab_t", 0.1)["targets"]
    (0.1, 9)
    """
    if name not in ATTACKS:
        raise InputError(f"no attack {name!r}; there are {', '.join(sorted(ATTACKS))}")
    make = ATTACKS[name]
    _, *options = inspect.signature(make).parameters.values()
    anything = [option for option in options if option.kind is option.VAR_KEYWORD]
    options = [option for option in options if option not in anything]
    known = [option.name for option in options]
    if not anything and (unknown := sorted(settings.keys() - set(known))):
        raise InputError(
            f"attack {name!r} has no setting {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    attack = make(eps=eps, **settings)
    chosen = {option.name: option.default for option in options} | settings
    chosen = {k: v for k, v in chosen.items() if not callable(v)}
    described = {"eps": float(eps), "norm": attack.ball.name}
    described |= chosen | as_json(attack.settings)
    if attack.parts:
        parts = attack.parts.items()
        described["parts"] = [{"attack": part} | as_json(of) for part, of in parts]
    return described


def with_targets(row: dict, classes: int) -> dict:
    """A description, its targets at most the wrong classes of the model.

    >>> with_targets(describe("fab_t", 0.1), 3)["targets"]
    2
    """
    known = {"targets": min(row["targets"], classes - 1)} if "targets" in row else {}
    if "parts" in row:
        known["parts"] = [with_targets(part, classes) for part in row["parts"]]
    return row | known
