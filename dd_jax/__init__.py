"""dd_jax: distil a labelled image set, train on it, and audit what that costs.

Rooms and names are imported when they are first used, so that `import dd_jax` costs
nothing and a program that reads Records needs no JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dd_jax.catalogue import Option, Rule, register

__version__ = "0.1.0"
__all__ = ["Option", "Rule", "register"]
_ROOMS = frozenset(
    "attacks audits catalogue config data distill models report run train types".split()
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("dd_jax.catalogue"), name)
    if name in _ROOMS:
        return importlib.import_module(f"dd_jax.{name}")
    raise AttributeError(f"module 'dd_jax' has no attribute {name!r}")
