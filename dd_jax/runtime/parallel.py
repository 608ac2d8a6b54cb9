"""Many models at once on one device or more; the only user of pmap and shard_map."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.runtime.device_memory import shared_by
from dd_jax.runtime.devices import (
    backend_in_use,
    devices_in_use,
    devices_of_each,
)
from dd_jax.runtime.memory_plan import fitted
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.stacked import repeated, row, size, with_row
from dd_jax.types import Array

Backend = Literal["pmap", "shard_map"]
Chunk = int | None | Literal["platform"]


class SplitAxis(NamedTuple):
    """The devices that share the work of one model, as collectives name them."""

    name: str
    size: int


_split_axis = jax.make_user_context(default_value=None)


def split_axis() -> SplitAxis | None:
    """What the program that is traced now cuts work over; None for one device."""
    return _split_axis.value


def on_one_device() -> AbstractContextManager:
    """Inside, nothing is cut: what is traced is the work of one device."""
    return _split_axis(None)


def over_devices(fun: Callable, devices: list, backend: Backend = "pmap") -> Callable:
    """Compiles one call of a function for several devices.

    All of them hold its arguments and its results, and work that `fun` cuts by
    `runtime.split_work` is divided among them. The devices may be those of a
    compile-only topology, with `shard_map`.

    Args:
      fun: a pure function of pytrees of arrays.
      devices: at least two.
      backend: `pmap`, or `shard_map` over a mesh.

    Returns:
      The compiled function; that of `shard_map` can be lowered.
    """
    axis = SplitAxis("part", len(devices))

    def body(arguments):
        with _split_axis(axis):
            return fun(*arguments)

    if backend == "pmap":
        make = lambda _: jax.pmap(
            lambda place, arguments: body(arguments),
            axis.name,
            in_axes=(0, None),  # pmap wants one argument that is cut
            out_axes=None,
            devices=devices,
        )
        planned = fitted(make, lambda *one: 1)
        return lambda *arguments: planned(np.arange(axis.size), arguments)
    mesh = jax.sharding.Mesh(np.array(devices), (axis.name,))
    whole = jax.P()
    mapped = jax.shard_map(
        lambda *arguments: body(arguments),
        mesh=mesh,
        in_specs=whole,
        out_specs=whole,
        check_vma=False,
    )
    placed = jax.NamedSharding(mesh, whole)
    return jax.jit(mapped, in_shardings=placed, out_shardings=placed)


def over_devices_in_use(fun: Callable, donate: tuple[int, ...] = ()) -> Callable:
    """Compiles a function for `devices_in_use()` at the time of the call.

    Several devices share its work as in `over_devices`. Its arguments may lie anywhere.

    Args:
      fun: a pure function of pytrees of arrays.
      donate: as in `map_models`.
    """
    programs: dict[tuple, Callable] = {}

    def call(*arguments):
        devices, backend = devices_in_use(), backend_in_use() or "pmap"
        given = () if in_turn() else donate
        place = tuple(devices), backend, given
        if place not in programs:
            one = lambda _: jax.jit(fun, donate_argnums=given)
            programs[place] = (
                fitted(one, lambda *_: 1)
                if len(devices) == 1
                else _fitted_over(fun, devices, backend)
            )
        return programs[place](*everywhere(arguments))

    return call


def everywhere(tree):
    """A copy of arrays on each of the devices in use; once, for many calls."""
    devices = devices_in_use()
    return jax.device_put(tree, _whole(devices)) if len(devices) > 1 else tree


def vmap_or_loop(fun: Callable, *stacked):
    """`vmap(fun)(*stacked)` inside compiled code; on CPU one after another."""
    if in_turn():
        return lax.map(lambda one: fun(*one), stacked)
    return jax.vmap(fun)(*stacked)


def map_models(
    fun: Callable,
    *,
    chunk: Chunk = "platform",
    donate: tuple[int, ...] = (),
    splits: bool = False,
) -> Callable:
    """Maps `fun(shared, *one)` over the leading axis of the arguments after `shared`.

    Models are spread over `devices_in_use()` at the time of the call. With several, the
    function returned has to stay the outermost transformation; its arguments may lie
    anywhere, and its results lie on all of these devices. Fewer models than devices
    use as many devices as the next power of two, so that few programs are compiled;
    those whose work can be cut take all devices, one model after another.

    Args:
      fun: a pure function of pytrees of arrays.
      chunk: how many models at a time on each device: None is one after another, each a
        call of the same compiled program; 0 all at once; k a loop over vmaps of k;
        `platform` None on CPU and 0 on accelerators.
      donate: places of arguments that callers do not use again; on one accelerator
        results take their memory.
      splits: whether `fun` cuts its work over devices, see `over_devices`; it then does
        so where there are at least two devices for each model.

    Returns:
      A compiled `(shared, *stacked) -> stacked results`. A number of models that the
      devices do not divide is filled up with copies of the last.
    """
    programs: dict[tuple, Callable] = {}

    def call(shared, *stacked):
        devices, backend = devices_in_use(), backend_in_use() or "pmap"
        count = size(stacked)
        cut = devices_of_each(count, splits) > 1
        used = devices if cut else devices[: 1 << (count - 1).bit_length()]
        at_once = (None if in_turn() else 0) if chunk == "platform" else chunk
        given = () if in_turn() else donate
        place = tuple(used), backend, at_once, given, cut
        if place not in programs:
            programs[place] = (
                _each_over_devices(fun, used, backend)
                if cut
                else _program(fun, at_once, used, backend, given)
            )
        if len(devices) == 1:
            return programs[place](shared, *stacked)
        if len(used) == 1:
            shared, *stacked = jax.device_put((shared, *stacked), used[0])
        result = programs[place](shared, *stacked)
        return result if used == devices else jax.device_put(result, _whole(devices))

    return call


def _program(
    fun: Callable, chunk: int | None, devices: list, backend: Backend, donate: tuple
) -> Callable:
    """`map_models` on some devices, all of which it uses."""
    if len(devices) == 1 and chunk is None:
        return _one_by_one(fitted(lambda _: jax.jit(fun), lambda *one: 1))

    def body_for(fewer):
        at_once = fewer or chunk

        def body(shared, *stacked):
            one = lambda arguments: fun(shared, *arguments)
            if at_once == 0:
                with shared_by(size(stacked)):
                    return jax.vmap(one)(stacked)
            with shared_by(at_once or 1):
                return lax.map(one, stacked, batch_size=at_once)

        return body

    if len(devices) == 1:
        make = lambda fewer: jax.jit(body_for(fewer), donate_argnums=donate)
        return fitted(make, lambda shared, *stacked: size(stacked))
    compiled = {"pmap": _pmap, "shard_map": _shard_map}[backend](body_for, devices)

    def run(shared, *stacked):
        count = size(stacked)
        fill = -count % len(devices)
        filled = jax.tree.map(lambda a: _fill(a, fill), stacked)
        shared = jax.device_put(shared, _whole(devices))
        turn = len(devices) if chunk is None else count + fill
        part = lambda first: jax.tree.map(lambda a: a[first : first + turn], filled)
        firsts = range(0, count + fill, turn)
        turns = [compiled(shared, *part(first)) for first in firsts]
        return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *turns)

    return run


def _each_over_devices(fun: Callable, devices: list, backend: Backend) -> Callable:
    """`map_models` of models that each take all devices, one after another."""
    run = _one_by_one(_fitted_over(fun, devices, backend))
    return lambda *arguments: run(*everywhere(arguments))


def _fitted_over(fun: Callable, devices: list, backend: Backend) -> Callable:
    """`over_devices` within their memory; that of pmap plans it itself."""
    whole = over_devices(fun, devices, backend)
    return whole if backend == "pmap" else fitted(lambda _: whole, lambda *one: 1)


def _one_by_one(compiled):
    def call(shared, *stacked):
        count, stacked = size(stacked), jax.device_put(stacked)
        results = repeated(compiled(shared, *row(stacked, 0)), count)
        for i in range(1, count):
            results = with_row(results, i, compiled(shared, *row(stacked, i)))
        return results

    return call


def _fill(a: Array, count: int) -> Array:
    return jnp.concatenate([a, jnp.repeat(a[-1:], count, 0)]) if count else a


def _mesh(devices: list):
    return jax.sharding.Mesh(np.array(devices), ("model",))


def _whole(devices: list):
    """A copy on each device."""
    return jax.NamedSharding(_mesh(devices), jax.P())


def _split(devices: list):
    """An equal part of the leading axis on each device."""
    return jax.NamedSharding(_mesh(devices), jax.P("model"))


def _pmap(body_for, devices):
    mapped = None
    fold = lambda a: a.reshape(len(devices), -1, *a.shape[1:])
    unfold = lambda a: a.reshape(-1, *a.shape[2:])

    def call(shared, *stacked):
        nonlocal mapped
        if mapped is None:
            axes = (None, *[0] * len(stacked))
            make = lambda fewer: jax.pmap(
                body_for(fewer), in_axes=axes, devices=devices
            )
            of_each = lambda _, *folded: jax.tree.leaves(folded)[0].shape[1]
            mapped = fitted(make, of_each)
        folded = jax.device_put(jax.tree.map(fold, stacked), _split(devices))
        return jax.tree.map(unfold, mapped(shared, *folded))

    return call


def _shard_map(body_for, devices):
    split, whole = jax.P("model"), jax.P()

    def make(fewer):
        def run(shared, *stacked):
            specs = (whole, *[split] * len(stacked))
            return jax.shard_map(
                body_for(fewer),
                mesh=_mesh(devices),
                in_specs=specs,
                out_specs=split,
                check_vma=False,
            )(shared, *stacked)

        return jax.jit(run)

    mapped = fitted(make, lambda _, *stacked: size(stacked) // len(devices))

    def call(shared, *stacked):
        return mapped(shared, *jax.device_put(stacked, _split(devices)))

    return call
