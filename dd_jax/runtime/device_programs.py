"""Programs of several devices; the only user of pmap and shard_map."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

import jax
import numpy as np

from dd_jax.runtime.memory_plan import fitted
from dd_jax.runtime.meshes import Hosts, mesh, split
from dd_jax.runtime.stacked import size

Backend = Literal["pmap", "shard_map"]


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
    compile-only topology, or of several hosts, with `shard_map`.

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
    over = mesh(devices, axis.name)
    mapped = jax.shard_map(
        lambda *arguments: body(arguments),
        mesh=over,
        in_specs=jax.P(),
        out_specs=jax.P(),
        check_vma=False,
    )
    placed = jax.NamedSharding(over, jax.P())
    return jax.jit(mapped, in_shardings=placed, out_shardings=placed)


def fitted_over_devices(fun: Callable, devices: list, backend: Backend) -> Callable:
    """`over_devices` within their memory, of arguments that each device of a host has.

    Args:
      fun: see `over_devices`.
      devices: of this host, or of several hosts.
      backend: see `over_devices`; that of several hosts is `shard_map`.
    """
    if len({device.process_index for device in devices}) == 1:
        whole_program = over_devices(fun, devices, backend)
        if backend == "pmap":  # plans its memory itself
            return whole_program
        return fitted(lambda _: whole_program, lambda *one: 1)
    hosts = Hosts(devices)
    program = over_devices(fun, hosts.devices, "shard_map")
    planned = fitted(lambda _: program, lambda *one: 1)
    return lambda *given: hosts.of_this_host(planned(*hosts.whole_of_all(given)))


def spread_models(body_for: Callable, devices: list, backend: Backend) -> Callable:
    """A program of stacked models, an equal part of them on each device.

    Args:
      body_for: `chunk -> fun(shared, *stacked)`, see `runtime.memory_plan.fitted`.
      devices: of this host, or of several hosts; at least two.
      backend: `pmap`, or `shard_map` over a mesh; that of several hosts is `shard_map`.

    Returns:
      `(shared, *stacked) -> stacked results`, cut over the devices of each host.
    """
    if len({device.process_index for device in devices}) > 1:
        return _over_hosts(body_for, Hosts(devices))
    return {"pmap": _pmap, "shard_map": _shard_map}[backend](body_for, devices)


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
        folded = jax.device_put(jax.tree.map(fold, stacked), split(devices))
        return jax.tree.map(unfold, mapped(shared, *folded))

    return call


def _shard_map(body_for, devices):
    of_rows = split(devices)
    make = _program_of_rows(body_for, of_rows, of_rows)
    mapped = fitted(make, lambda _, *stacked: size(stacked) // len(devices))

    def call(shared, *stacked):
        return mapped(shared, *jax.device_put(stacked, of_rows))

    return call


def _over_hosts(body_for, hosts):
    make = _program_of_rows(body_for, hosts.rows, hosts.rows_on_each_host)
    mapped = fitted(make, lambda _, *stacked: size(stacked) // len(hosts.devices))

    def call(shared, *stacked):
        rows = hosts.rows_of_all(stacked)
        return hosts.of_this_host(mapped(hosts.whole_of_all(shared), *rows))

    return call


def _program_of_rows(body_for, rows, results):
    """Maps over parts of the leading axis; both arguments are shardings of a mesh."""

    def make(fewer):
        def run(shared, *stacked):
            return jax.shard_map(
                body_for(fewer),
                mesh=rows.mesh,
                in_specs=(jax.P(), *[rows.spec] * len(stacked)),
                out_specs=rows.spec,
                check_vma=False,
            )(shared, *stacked)

        return jax.jit(run, out_shardings=results)

    return make
