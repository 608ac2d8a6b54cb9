"""The work of one model cut over devices and joined again, so that all have the result.

Inside a program of several devices (`runtime.device_programs.over_devices`) each device
takes an equal part of the rows; elsewhere both functions call what they are given, as
it is.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.dtypes import float0

from dd_jax.runtime.device_programs import SplitAxis, on_one_device, split_axis
from dd_jax.types import Array

_MOST_FILLED = 2**30  # bytes of copies that fill up rows for all devices


class Parts(NamedTuple):
    """How rows are cut over devices.

    Attributes:
      own: of arrays whose leading axis is that of the rows, the part of this device.
      join: of the parts of all devices, the whole, on every device.
      back: of cotangents of the whole, those of the part of this device.
    """

    own: Callable
    join: Callable
    back: Callable


def split_sum(fun: Callable) -> Callable:
    """A weighted sum over rows, of which each device adds up a part.

    One reduction over devices of the size of the result, and one of the size of
    `shared` on the way back. Differentiable once in reverse mode; `fun` may hold
    derivatives of its own.

    Args:
      fun: `(shared, weights, *rows) -> sum_i weights_i f(shared, row_i)`, a pytree of
        floats; of any number of rows, which are the leading axes of its arguments.

    Returns:
      The same function; equal but for the order of the sum.

    >>> total = split_sum(lambda scale, weights, x: scale * weights @ x)
    >>> float(total(2.0, jnp.array([1.0, 0.0]), jnp.array([3.0, 4.0])))
    6.0
    """

    def call(shared, weights, *rows):
        chex.assert_equal_shape_prefix(jax.tree.leaves((weights, rows)), 1)
        axis = split_axis()
        if axis is None:
            return fun(shared, weights, *rows)
        fill = -len(weights) % axis.size
        zeros = jnp.zeros_like(weights, shape=(fill, *weights.shape[1:]))
        filled = jnp.concatenate([weights, zeros]) if fill else weights
        join = lambda tree: lax.psum(tree, axis.name)
        summed = _divided(fun, axis, _equal_parts(axis), join, lambda c: c)
        return summed(shared, filled, *_filled(rows, fill))

    return call


def split_map(fun: Callable) -> Callable:
    """A function of each row, of which each device takes a part.

    One gathering of the result over devices; on the way back one of the size of the
    rows and a reduction of the size of `shared`. Differentiable once in reverse mode;
    `fun` may hold derivatives of its own.

    Args:
      fun: `(shared, *rows) -> results`, pytrees with the leading axis of the rows; no
        row may depend on another.

    Returns:
      The same function.

    >>> split_map(lambda scale, x: scale * x)(2.0, jnp.arange(3.0)).tolist()
    [0.0, 2.0, 4.0]
    """

    def call(shared, *rows):
        leaves = jax.tree.leaves(rows)
        chex.assert_equal_shape_prefix(leaves, 1)
        axis, count = split_axis(), len(leaves[0])
        if axis is None:
            return fun(shared, *rows)
        fill = -count % axis.size
        size = sum(a.size * a.dtype.itemsize for a in leaves)
        if count < axis.size and fill * size > _MOST_FILLED * count:
            parts = _one_row_each(axis, count)
            return _divided(fun, axis, parts, parts.join, parts.back)(shared, *rows)
        parts = _equal_parts(axis)
        mapped = _divided(fun, axis, parts, parts.join, parts.back)
        return jax.tree.map(lambda a: a[:count], mapped(shared, *_filled(rows, fill)))

    return call


def _divided(
    fun: Callable,
    axis: SplitAxis,
    parts: Parts,
    join: Callable,
    back_to_part: Callable,
):
    """`join(fun(shared, *part))`, whose cotangents are whole on every device.

    What `fun` would cut itself stays whole: its part is already that of one device.
    """

    @jax.custom_vjp
    def whole(shared, *rows):
        part = parts.own(rows)
        with on_one_device():
            result = fun(shared, *part)
        return join(result)

    def forward(shared, *rows):
        part = parts.own(rows)
        with on_one_device():
            result, back = jax.vjp(fun, shared, *part)
        return join(result), back

    def backward(back, cotangent):
        shared, *rows = back(back_to_part(cotangent))
        return lax.psum(shared, axis.name), *parts.join(rows)

    whole.defvjp(forward, backward)
    return whole


def _equal_parts(axis: SplitAxis) -> Parts:
    own = partial(_own, axis)
    return Parts(own, partial(_gathered, axis), own)


def _own(axis: SplitAxis, tree):
    """The part of this device, of arrays whose leading axis the devices divide."""

    def part(a):
        size = len(a) // axis.size
        return lax.dynamic_slice_in_dim(a, lax.axis_index(axis.name) * size, size)

    return jax.tree.map(part, tree)


def _one_row_each(axis: SplitAxis, count: int) -> Parts:
    """Fewer rows than devices: a row for each of the first, nothing for the others.

    The others compute the last row again, of which nothing is used.
    """
    index = lax.axis_index(axis.name)
    at = jnp.minimum(index, count - 1)

    def used(tree):
        keep = lambda a: jnp.where(index < count, a, jnp.zeros_like(a))
        return jax.tree.map(keep, tree)

    def own(tree):
        return jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, at, 1), tree)

    def whole(a):
        if a.dtype == float0:
            return np.zeros((count, *a.shape[1:]), float0)
        zeros = jnp.zeros((count, *a.shape[1:]), a.dtype)
        placed = lax.dynamic_update_slice_in_dim(zeros, used(a), at, 0)
        return lax.psum(placed, axis.name)

    return Parts(own, partial(jax.tree.map, whole), lambda c: used(own(c)))


def _gathered(axis: SplitAxis, tree):
    """The parts of all devices; integers and keys have no cotangents to gather."""

    def whole(a):
        if a.dtype == float0:
            return np.zeros((len(a) * axis.size, *a.shape[1:]), float0)
        return lax.all_gather(a, axis.name, tiled=True)

    return jax.tree.map(whole, tree)


def _filled(rows, fill: int):
    """Rows with copies of the first behind them."""

    def one(a: Array) -> Array:
        return jnp.concatenate([a, jnp.broadcast_to(a[:1], (fill, *a.shape[1:]))])

    return jax.tree.map(one, rows) if fill else rows
