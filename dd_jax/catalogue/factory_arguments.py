"""The keyword arguments that a factory of the catalogue gets, by its signature."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dd_jax.catalogue.lookup import Entry, resolve
from dd_jax.types import InputError


def arguments(
    found: Entry,
    own: Mapping[str, Any],
    shared: Mapping[str, Any],
    function: Callable | None = None,
) -> dict[str, Any]:
    """The keywords that a factory takes, by its signature.

    Args:
      found: the entry.
      own: values of its own options.
      shared: values that any entry of its kind may take, by parameter; an entry's trait
        `shared` names another one for a parameter, or None for none.
      function: what takes them; default: the factory itself.

    Returns:
      `{parameter: value}` of the parameters that the factory has.

    Raises:
      InputError: an option that is no parameter of the factory.
    """
    known = parameters(function or resolve(found.kind, found.name))
    unknown = [name for name in own if name not in known and None not in known]
    if unknown:
        raise InputError(
            f"{found.kind} {found.name!r}: option {unknown[0]!r} is no parameter of "
            f"its factory, which has {', '.join(filter(None, known)) or 'none'}"
        )
    elsewhere = found.traits.get("shared", {})
    given = {name: elsewhere.get(name, name) for name in known if name}
    taken = {name: shared[key] for name, key in given.items() if key in shared}
    return taken | dict(own)


def takes(factory: Callable, name: str) -> bool:
    """Whether a factory names a keyword argument, and so is given a shared value.

    >>> takes(lambda *, ipc: ipc, "ipc"), takes(lambda **kw: kw, "ipc")
    (True, False)
    """
    return name in parameters(factory)


@lru_cache(maxsize=64)
def parameters(factory: Callable) -> tuple[str | None, ...]:
    """Names of the parameters that a factory takes; None among them for `**others`."""
    known = inspect.signature(factory).parameters.values()
    variable = inspect.Parameter.VAR_KEYWORD
    return tuple(None if p.kind is variable else p.name for p in known)
