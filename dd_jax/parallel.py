"""Many models at once, on one device or several; alone names pmap and shard_map."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.types import Array


def accelerators() -> list:
    """Local devices worth spreading models over: all but the CPU's virtual ones."""
    devices = jax.local_devices()
    return devices if devices[0].platform != "cpu" else devices[:1]


def best_chunk() -> int | None:
    """The `chunk` of `map_models` for the platform: one by one on CPU, else all."""
    return None if jax.default_backend() == "cpu" else 0


def each(fun: Callable, *stacked):
    """`vmap(fun)(*stacked)` inside compiled code; on CPU one after another."""
    if best_chunk() is None:
        return lax.map(lambda one: fun(*one), stacked)
    return jax.vmap(fun)(*stacked)


def map_models(
    fun: Callable,
    *,
    chunk: int | None = None,
    devices: Sequence | None = None,
    twin: bool = False,
) -> Callable:
    """Maps `fun(shared, *one)` over the leading axis of the arguments after `shared`.

    Args:
      fun: a pure function of pytrees of arrays.
      chunk: how many models at a time on each device: None is one after another, each a
        call of the same compiled program; 0 all at once; k a loop over vmaps of k.
      devices: where to; default `accelerators()`. With several, the function returned
        is a pmap and has to stay the outermost transformation.
      twin: spread by shard_map over a mesh in place of pmap, for several hosts.

    Returns:
      A compiled `(shared, *stacked) -> stacked results`. A number of models that the
      devices do not divide is filled up with copies of the last.
    """
    devices = accelerators() if devices is None else list(devices)
    if len(devices) == 1 and chunk is None:
        return _one_by_one(jax.jit(fun))

    def body(shared, *stacked):
        if chunk == 0:
            return jax.vmap(lambda *one: fun(shared, *one))(*stacked)
        return lax.map(lambda one: fun(shared, *one), stacked, batch_size=chunk)

    if len(devices) == 1:
        return jax.jit(body)
    compiled = (_shard_map if twin else _pmap)(body, devices)

    def call(shared, *stacked):
        size = _size(stacked)
        fill = -size % len(devices)
        filled = jax.tree.map(lambda a: _fill(a, fill), stacked)
        turn = len(devices) if chunk is None else size + fill
        part = lambda first: jax.tree.map(lambda a: a[first : first + turn], filled)
        firsts = range(0, size + fill, turn)
        turns = [compiled(shared, *part(first)) for first in firsts]
        return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:size], *turns)

    return call


def _size(stacked) -> int:
    return len(jax.tree.leaves(stacked)[0])


def _one_by_one(compiled):
    def call(shared, *stacked):
        pick = lambda i: jax.tree.map(lambda a: a[i], stacked)
        results = [compiled(shared, *pick(i)) for i in range(_size(stacked))]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)

    return call


def _fill(a: Array, count: int) -> Array:
    return jnp.concatenate([a, jnp.repeat(a[-1:], count, 0)]) if count else a


def _pmap(body, devices):
    mapped = None
    fold = lambda a: a.reshape(len(devices), -1, *a.shape[1:])
    unfold = lambda a: a.reshape(-1, *a.shape[2:])

    def call(shared, *stacked):
        nonlocal mapped
        if mapped is None:
            axes = (None, *[0] * len(stacked))
            mapped = jax.pmap(body, in_axes=axes, devices=devices)
        return jax.tree.map(unfold, mapped(shared, *jax.tree.map(fold, stacked)))

    return call


def _shard_map(body, devices):
    mesh = jax.sharding.Mesh(np.array(devices), ("model",))
    split, whole = jax.P("model"), jax.P()

    @jax.jit
    def call(shared, *stacked):
        specs = (whole, *[split] * len(stacked))
        mapped = jax.shard_map(
            body, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False
        )
        return mapped(shared, *stacked)

    return call
