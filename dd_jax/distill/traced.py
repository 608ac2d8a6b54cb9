"""Float hyper-parameters as inputs of compiled steps, not as constants of them."""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, NamedTuple

import jax

from dd_jax.runtime.reuse import reused


class Traced(NamedTuple):
    """What makes the steps of a method inside of a compiled program.

    Attributes:
      make: `{name: value} -> ` what has `sample` and `update`; methods that differ in
        these values alone have the same one, and share their compiled programs.
      values: those of one method.
    """

    make: Callable[[Mapping[str, Any]], Any]
    values: Mapping[str, float] = {}


def switched_on(value: Any) -> bool:
    """Whether a hyper-parameter of which 0 means `none` is not 0.

    Zeros are constants of a program, so that a traced value is not 0.

    >>> switched_on(0.0), switched_on(0.1), jax.jit(switched_on)(0.0)
    (False, True, Array(True, dtype=bool))
    """
    return isinstance(value, jax.core.Tracer) or bool(value)


def split(
    options: Mapping[str, Any], names: Collection[str]
) -> tuple[dict[str, Hashable], dict[str, float]]:
    """Options that are constants of a program, and its inputs.

    Args:
      options: of a factory.
      names: those that it takes as traced values, 0 excepted.

    >>> split({"ipc": 2, "lr": 0.5, "lr_labels": 0.0}, ("lr", "lr_labels"))
    ({'ipc': 2, 'lr_labels': 0.0}, {'lr': 0.5})
    """
    traced = {k: v for k, v in options.items() if k in names and v}
    return {k: v for k, v in options.items() if k not in traced}, traced


def steps_of(method: Any) -> Traced:
    """What makes the steps of a method, or of its batched form, in a program."""
    return method.traced or Traced(_constant(method.sample, method.update))


class _Steps(NamedTuple):
    sample: Callable
    update: Callable


@reused
def _constant(sample: Callable, update: Callable) -> Callable[[Mapping], _Steps]:
    steps = _Steps(sample, update)
    return lambda values: steps
