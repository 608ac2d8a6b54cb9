"""Factories whose signatures name every keyword argument that they take."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Factory = TypeVar("Factory", bound=Callable[..., Any])


def passes_on(
    target: Callable[..., Any], *withheld: str
) -> Callable[[Factory], Factory]:
    """Decorates a factory whose last `**options` are keyword arguments of `target`.

    Its signature then lists them one by one, so that callers which build methods from
    `inspect.signature` see all that it takes. Anything else is a `TypeError`.

    Args:
      target: the function that gets them.
      *withheld: keyword arguments of `target` that the factory sets itself.

    >>> def target(*, ipc, lr, clamp=False): ...
    >>> @passes_on(target, "clamp")
    ... def factory(model, *, lr=0.1, **options): ...
    >>> inspect.signature(factory)
    <Signature (model, *, lr=0.1, ipc)>
    """

    def named(factory: Factory) -> Factory:
        signature = inspect.signature(factory)
        own = [p for p in signature.parameters.values() if p.kind != p.VAR_KEYWORD]
        taken = {p.name for p in own} | set(withheld)
        further = inspect.signature(target).parameters.values()
        parameters = own + [p for p in further if p.name not in taken]
        signature = signature.replace(parameters=parameters)

        @wraps(factory)
        def checked(*args: Any, **options: Any) -> Any:
            signature.bind(*args, **options)
            return factory(*args, **options)

        checked.__signature__ = signature
        return cast(Factory, checked)

    return named
