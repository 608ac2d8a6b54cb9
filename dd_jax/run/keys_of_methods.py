"""Keys of distillation that only some methods take."""

from typing import Any

from ml_collections import ConfigDict

from dd_jax.catalogue import resolve, takes
from dd_jax.config import flat
from dd_jax.config.fields import fields
from dd_jax.distill.private import private_form
from dd_jax.types import InputError

_PARAMETERS = {  # key, whose default leaves it to the method -> parameter of factories
    "distill.distance": "distance",
    "distill.factor": "factor",
    "distill.multi": "multi",
    "distill.network.outer_steps": "outer_steps",
    "distill.network.epochs": "net_epochs",
}
_NOTHING = {"distill.factor": 1}  # what a method without the key does


def not_taken(config: ConfigDict, method: str) -> dict[str, Any]:
    """Overrides that reset the keys that a method does not take.

    >>> from dd_jax import config
    >>> not_taken(config.default(), "dm")["distill.distance"]
    'own'
    """
    factory = resolve("method", method)
    if config.dp.epsilon:
        factory = private_form(method) or factory
    left = (key for key, name in _PARAMETERS.items() if not takes(factory, name))
    return {key: fields()[key].default for key in left}


def require_taken(config: ConfigDict) -> None:
    """Refuses a value of a key that the config's method does not take.

    Raises:
      InputError: there is one.
    """
    given = flat(config)
    for key, own in not_taken(config, config.distill.method).items():
        if (value := given[key]) not in (own, _NOTHING.get(key)):
            raise InputError(
                f"{key}={value}: {config.distill.method} does not take it; leave it "
                f"at {own}"
            )
