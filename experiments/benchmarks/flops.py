"""Floating point operations of the convolutions and matrix products in a function."""

import math
from collections.abc import Callable

import jax
import numpy as np
from jax.extend import core


def flops(fun: Callable, *arguments, turns: int = 1) -> int:
    """Counts from the shapes in the traced function times the turns of its loops.

    A product and a sum are two. All that is no convolution or matrix product is left
    out; of the branches of a condition the dearest counts. XLA's own analysis counts
    the body of a loop once.

    Args:
      fun: a function of arrays.
      arguments: arrays or their shapes.
      turns: of each loop whose number of turns is no constant.

    >>> import jax.numpy as jnp
    >>> a = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    >>> flops(lambda a: jax.lax.fori_loop(0, 5, lambda i, b: b + a @ a.T, a @ a.T), a)
    144
    """
    return _of_jaxpr(jax.make_jaxpr(fun)(*arguments).jaxpr, turns)


def _of_jaxpr(jaxpr, turns: int) -> int:
    return sum(_of_equation(equation, turns) for equation in jaxpr.eqns)


def _of_equation(equation, turns: int) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "conv_general_dilated":
        return _convolution(equation)
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        depth = math.prod(shape[axis] for axis in contracted)
        return 2 * depth * equation.outvars[0].aval.size
    inner = [_of_jaxpr(jaxpr, turns) for jaxpr in _inside(params)]
    if name == "cond":
        return max(inner, default=0)
    if name == "while":
        return turns * sum(inner)
    return (params["length"] if name == "scan" else 1) * sum(inner)


def _convolution(equation) -> int:
    """Products of a value and a weight; those with the zeros of padding are left out.

    Derivatives of convolutions have windows as large as the image, on 3x3 values.
    """
    params = equation.params
    image, kernel = (v.aval.shape for v in equation.invars)
    result = equation.outvars[0].aval.shape
    lhs, rhs, out = params["dimension_numbers"]
    pairs = map(
        _pairs,
        (image[axis] for axis in lhs[2:]),
        (kernel[axis] for axis in rhs[2:]),
        (result[axis] for axis in out[2:]),
        params["window_strides"],
        params["padding"],
        params["lhs_dilation"],
        params["rhs_dilation"],
    )
    return 2 * result[out[0]] * kernel[rhs[0]] * kernel[rhs[1]] * math.prod(pairs)


def _pairs(size, window, results, stride, padding, spread, dilation) -> int:
    """Positions of result and window that meet a value, along one axis."""
    steps = stride * np.arange(results)[:, None] + dilation * np.arange(window)
    place = steps - padding[0]
    inside = (place >= 0) & (place <= (size - 1) * spread) & (place % spread == 0)
    return int(inside.sum())


def _inside(params: dict):
    """The functions that an operation holds, each once."""
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else [value]:
            if isinstance(one, core.ClosedJaxpr):
                yield one.jaxpr
            elif isinstance(one, core.Jaxpr):
                yield one
