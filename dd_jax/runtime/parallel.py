"""Many models at once on one device or more, of one host or several."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.runtime.device_memory import shared_by
from dd_jax.runtime.device_programs import (
    Backend,
    fitted_over_devices,
    spread_models,
)
from dd_jax.runtime.devices import (
    all_devices,
    backend_in_use,
    devices_in_use,
    devices_of_each,
)
from dd_jax.runtime.memory_plan import fitted
from dd_jax.runtime.meshes import whole
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.stacked import (
    join_trees,
    repeated,
    row,
    rows,
    size,
    with_row,
)

Chunk = int | None | Literal["platform"]


def over_devices_in_use(fun: Callable, donate: tuple[int, ...] = ()) -> Callable:
    """Compiles a function for `all_devices()` at the time of the call.

    Several devices share its work as in `over_devices`. Its arguments may lie anywhere.

    Args:
      fun: a pure function of pytrees of arrays.
      donate: as in `map_models`.
    """
    programs: dict[tuple, Callable] = {}

    def call(*arguments):
        devices, backend = all_devices(), backend_in_use() or "pmap"
        given = () if in_turn() else donate
        place = tuple(devices), backend, given
        if place not in programs:
            one = lambda _: jax.jit(fun, donate_argnums=given)
            programs[place] = (
                fitted(one, lambda *_: 1)
                if len(devices) == 1
                else fitted_over_devices(fun, devices, backend)
            )
        return programs[place](*everywhere(arguments))

    return call


def everywhere(tree):
    """A copy of arrays on each of this host's devices in use; once, for many calls."""
    devices = devices_in_use()
    return jax.device_put(tree, whole(devices)) if len(devices) > 1 else tree


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

    Models are spread over `all_devices()` at the time of the call. With several, the
    function returned has to stay the outermost transformation; its arguments may lie
    anywhere, and its results lie on all of these devices. Fewer models than devices
    use as many devices as the next power of two, so that few programs are compiled;
    those whose work can be cut take all devices, one model after another.

    On several hosts all call it with the same arguments, and each is given all results,
    on its own devices.

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
        devices, backend = all_devices(), backend_in_use() or "pmap"
        count = size(stacked)
        cut = devices_of_each(count, splits) > 1
        several_hosts = len(devices) > len(devices_in_use())
        used = devices if cut or several_hosts else devices[: _power_of_two(count)]
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
        return result if used == devices else jax.device_put(result, whole(devices))

    return call


def _power_of_two(count: int) -> int:
    """The least that is not below a count."""
    return 1 << (count - 1).bit_length()


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
    compiled = spread_models(body_for, devices, backend)
    of_this_host = [d for d in devices if d.process_index == jax.process_index()]

    def run(shared, *stacked):
        count = size(stacked)
        fill = -count % len(devices)
        filled = _filled(jax.device_put(stacked, whole(of_this_host)), fill)
        shared = jax.device_put(shared, whole(of_this_host))
        turn = len(devices) if chunk is None else count + fill
        firsts = range(0, count + fill, turn)
        turns = [compiled(shared, *rows(filled, first, turn)) for first in firsts]
        return join_trees(turns, count)

    return run


def _each_over_devices(fun: Callable, devices: list, backend: Backend) -> Callable:
    """`map_models` of models that each take all devices, one after another."""
    run = _one_by_one(fitted_over_devices(fun, devices, backend))
    return lambda *arguments: run(*everywhere(arguments))


def _one_by_one(compiled):
    def call(shared, *stacked):
        count, stacked = size(stacked), jax.device_put(stacked)
        results = repeated(compiled(shared, *row(stacked, 0)), count)
        for i in range(1, count):
            results = with_row(results, i, compiled(shared, *row(stacked, i)))
        return results

    return call


@partial(jax.jit, static_argnums=1)
def _filled(stacked, count: int):
    """Stacked arrays with `count` copies of their last entry behind them."""
    fill = lambda a: jnp.concatenate([a, jnp.repeat(a[-1:], count, 0)])
    return jax.tree.map(fill, stacked)
