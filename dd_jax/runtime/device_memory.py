"""Batches that fit in the memory of the device that a program is made for."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Jaxpr, Var

from dd_jax.runtime.devices import devices_in_use
from dd_jax.runtime.platform import in_turn, platform
from dd_jax.runtime.stacked import size
from dd_jax.system.memory import free
from dd_jax.types import Array

UNKNOWN = 16 << 30  # bytes of a device that is not at hand: few have less
_SHARE = 0.5  # of the memory, for one batch; data, states and other buffers have a half
_memory = jax.make_user_context(default_value=0)
_sharers = jax.make_user_context(default_value=1)


def memory_of(count: int) -> AbstractContextManager:
    """Inside, programs are made for a device of `count` bytes.

    For programs that are compiled where the device is not. Part of the key under which
    JAX keeps programs.
    """
    return _memory(count)


def shared_by(count: int) -> AbstractContextManager:
    """Inside, what is traced is one of `count` copies that run at once."""
    return _sharers(count * _sharers.value)


def device_memory() -> int:
    """Bytes of the device that what is traced now will run on.

    As `memory_of` says; else on CPU what is free, and what the first device of this
    process reports, where it is of the platform that the program is made for; else
    `UNKNOWN`.

    >>> with memory_of(32 << 30):
    ...     device_memory() >> 30
    32
    """
    if _memory.value:
        return _memory.value
    if platform() == "cpu":
        return free()
    return reported().get("bytes_limit", UNKNOWN)


def reported() -> dict[str, int]:
    """What the first device says of its memory; nothing of one of another platform.

    CPUs report nothing.
    """
    device = devices_in_use()[0]
    here = device.memory_stats() if device.platform == platform() else None
    return here or {}


def batch_memory() -> int:
    """Bytes that one batch may take: half of the device, divided among `shared_by`.

    >>> with memory_of(32 << 30), shared_by(4):
    ...     batch_memory() >> 30
    4
    """
    return int(_SHARE * device_memory()) // _sharers.value


def pieces(count: int, bytes_each: int) -> int:
    """In how few pieces `count` images fit in `batch_memory`, one a piece at worst.

    >>> with memory_of(1 << 30):
    ...     pieces(1000, 1 << 20), pieces(4, 1 << 40)
    (2, 4)
    """
    at_once = max(1, batch_memory() // max(1, bytes_each))
    return -(-count // at_once)


def bytes_of_each(fun: Callable, stacked) -> int:
    """Memory that `fun(stacked)` needs for each entry of the leading axis.

    What is alive at once where every operation is carried out as it is written;
    compiled programs merge operations and need less.

    >>> bytes_of_each(lambda x: jnp.sin(jnp.sin(x)).sum(), jnp.zeros((10, 100)))
    800
    """

    def needed(count):
        cut = lambda a: jax.ShapeDtypeStruct((count, *a.shape[1:]), a.dtype)
        some = jax.tree.map(cut, stacked)
        return _most_alive(jax.make_jaxpr(fun)(some).jaxpr)

    return needed(2) - needed(1)


def at_once(fun: Callable, stacked) -> int:
    """How many entries of the leading axis `fun` takes at a time.

    All where they fit, else those of one of the fewest equal pieces.
    """
    count = size(stacked)
    return -(-count // pieces(count, bytes_of_each(fun, stacked)))


def in_batches(fun: Callable, images: Array, on_cpu: int) -> Array:
    """`fun(images)` of images that do not depend on each other, a batch at a time.

    Args:
      fun: `[b h w c] -> [b ...]`.
      images: `[n h w c]`.
      on_cpu: images at a time on CPU, few enough for its cache; accelerators take as
        many as their memory holds.

    Returns:
      `[n ...]`; the last batch is filled up with copies of the last image.
    """
    n = len(images)
    batch = min(on_cpu, n) if in_turn() else at_once(fun, images)
    whole = batch == n and not in_turn()
    return fun(images) if whole else _batch_by_batch(fun, images, batch)


def recomputed_in_batches(fun: Callable, images: Array) -> Array:
    """`fun(images)` that is differentiated, of images that do not depend on each other.

    On accelerators, images whose intermediate results memory does not hold until the
    way back are taken in batches, and computed again there; on CPU all at once.

    Args:
      fun: `f32[b h w c] -> f32[b ...]`.
      images: `f32[n h w c]`.

    Returns:
      `f32[n ...]`.

    >>> jax.grad(lambda x: recomputed_in_batches(jnp.sin, x).sum())(jnp.zeros(2))
    Array([1., 1.], dtype=float32)
    """

    def there_and_back(images):
        result, back = jax.vjp(fun, images)
        return back(result)

    batch = len(images) if in_turn() else at_once(there_and_back, images)
    if batch == len(images):
        return fun(images)
    return _batch_by_batch(jax.checkpoint(fun), images, batch)


def _batch_by_batch(fun: Callable, images: Array, batch: int) -> Array:
    n = len(images)
    rows = jnp.minimum(jnp.arange(-(-n // batch) * batch), n - 1)
    result = lax.map(lambda at: fun(images[at]), rows.reshape(-1, batch))
    return result.reshape(-1, *result.shape[2:])[:n]


def sum_in_batches(fun: Callable, stacked):
    """`sum_in_pieces` of as many entries at a time as memory holds; on CPU of all.

    Where it can, a piece is a divisor of their number, so that none are filled up.
    """
    count = size(stacked)
    if in_turn():
        return fun(stacked)
    most = at_once(fun, stacked)
    even = [d for d in range(-(-most // 2), most + 1) if count % d == 0]
    return sum_in_pieces(fun, stacked, max(even, default=most))


def sum_in_pieces(fun: Callable, stacked, size: int):
    """`fun(stacked)`, a sum over entries of the leading axis, of `size` at a time.

    Args:
      fun: `stacked -> sums`, to which entries of zeros add nothing.
      stacked: n entries.
      size: of a piece; the last is filled up with zeros.

    >>> sum_in_pieces(jnp.sum, jnp.arange(5.0), 2)
    Array(10., dtype=float32)
    """
    count = len(jax.tree.leaves(stacked)[0])
    if size >= count:
        return fun(stacked)
    fill = lambda a: jnp.concatenate([a, jnp.zeros_like(a[: -count % size])])
    cut = lambda a: fill(a).reshape(-1, size, *a.shape[1:])
    add = lambda total, piece: (jax.tree.map(jnp.add, total, fun(piece)), None)
    zero = jax.tree.map(jnp.zeros_like, jax.eval_shape(fun, stacked))
    return lax.scan(add, zero, jax.tree.map(cut, stacked))[0]


def _most_alive(jaxpr: Jaxpr) -> int:
    """Bytes of the results of operations that are alive at once, at most."""
    last = {v: i for i, e in enumerate(jaxpr.eqns) for v in _variables(e.invars)}
    last |= dict.fromkeys(_variables(jaxpr.outvars), len(jaxpr.eqns))
    alive, most = {}, 0
    for i, operation in enumerate(jaxpr.eqns):
        made = {v: _bytes(v) for v in operation.outvars}
        inside = max(map(_most_alive, _bodies(operation)), default=0)
        most = max(most, sum(alive.values()) + max(inside, sum(made.values())))
        alive = {v: b for v, b in (alive | made).items() if last.get(v, 0) > i}
    return most


def _variables(atoms):
    return [atom for atom in atoms if isinstance(atom, Var)]


def _bytes(variable) -> int:
    return variable.aval.size * variable.aval.dtype.itemsize


def _bodies(operation) -> list[Jaxpr]:
    """The programs within an operation, such as the body of a loop."""
    body = lambda leaf: getattr(leaf, "jaxpr", leaf)
    leaves = jax.tree.leaves(operation.params)
    return [body(leaf) for leaf in leaves if isinstance(body(leaf), Jaxpr)]
