"""Floating-point operations of a program, counted from what JAX traces."""

import math
from collections.abc import Callable

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr


def flops(run: Callable, *arguments, turns: int = 1) -> int:
    """Operations of the products and convolutions of one call, on all devices.

    A multiply-add is two; padding counts. Elementwise work is left out, which is little
    beside them. Loops count by their lengths, of `cond` the branch with most.

    Args:
      run: a function that JAX can trace.
      *arguments: arrays, or their shapes.
      turns: how often a loop runs whose length is not known before it runs.

    >>> import jax.numpy as jnp
    >>> x = jnp.zeros((4, 4))
    >>> flops(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: x @ y, x), x)
    384
    """
    return _of(jax.make_jaxpr(run)(*arguments).jaxpr, turns)


def _of(jaxpr: Jaxpr, turns: int) -> int:
    return sum(_of_equation(equation, turns) for equation in jaxpr.eqns)


def _of_equation(equation, turns: int) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _of_product(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    inner = [_of(jaxpr, turns) for jaxpr in _inner(params)]
    if name == "cond":
        return max(inner)
    times = {"scan": params.get("length"), "while": turns}.get(name, 1)
    return times * sum(inner)


def _inner(params: dict) -> list[Jaxpr]:
    """Programs that an equation holds."""
    values = jax.tree.leaves(
        list(params.values()), is_leaf=lambda v: isinstance(v, Jaxpr | ClosedJaxpr)
    )
    held = [v for v in values if isinstance(v, Jaxpr | ClosedJaxpr)]
    return [v.jaxpr if isinstance(v, ClosedJaxpr) else v for v in held]


def _of_product(equation) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    depth = math.prod(left[axis] for axis in contracted)
    return 2 * math.prod(equation.outvars[0].aval.shape) * depth


def _of_convolution(equation) -> int:
    out, *_ = equation.params["dimension_numbers"].rhs_spec
    kernel = equation.invars[1].aval.shape
    depth = math.prod(kernel) // kernel[out]
    return 2 * math.prod(equation.outvars[0].aval.shape) * depth
