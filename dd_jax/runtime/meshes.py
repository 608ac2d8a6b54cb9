"""Where arrays lie: whole or in parts, on the devices of this host or of all hosts.

Outside of compiled programs each host has its own arrays on its own devices. For a
program of several hosts they become the shards of arrays of all devices, and its
results are taken apart again; no values move but within a host.
"""

from functools import partial

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dd_jax.runtime.stacked import size

_ROWS = "model"  # mesh axis of one host's devices
_ALL = ("local", "host")  # those of all hosts: first the place on a host


def mesh(devices: list, axis: str = _ROWS) -> jax.sharding.Mesh:
    """A mesh of one axis."""
    return jax.sharding.Mesh(np.array(devices), (axis,))


def whole(devices: list) -> NamedSharding:
    """A copy on each device."""
    return NamedSharding(mesh(devices), PartitionSpec())


def split(devices: list) -> NamedSharding:
    """An equal part of the leading axis on each device."""
    return NamedSharding(mesh(devices), PartitionSpec(_ROWS))


class Hosts:
    """The devices of all hosts, as a mesh in which each host holds all rows.

    Rows are cut into parts for the first device of each host, then for the second of
    each: what one place on all hosts holds is then next to each other, and a gathering
    over hosts gives each device its part of all rows, as `split` does on one host.
    """

    def __init__(self, devices: list):
        """Takes the devices of all hosts, an equal number of each, by host."""
        self.own = [d for d in devices if d.process_index == jax.process_index()]
        self._count = len(devices) // len(self.own)
        grid = np.array(devices).reshape(self._count, len(self.own)).T
        self.devices = [*grid.flat]
        over = jax.sharding.Mesh(grid, _ALL)
        self.whole = NamedSharding(over, PartitionSpec())
        self.rows = NamedSharding(over, PartitionSpec(_ALL))
        self.rows_on_each_host = NamedSharding(over, PartitionSpec(_ALL[0]))
        first = devices[0].process_index
        self._number = jax.process_index() - first

    def whole_of_all(self, tree):
        """Arrays that every host has, as arrays with a copy on each device."""
        placed = jax.device_put(tree, whole(self.own))
        return jax.tree.map(partial(_of_shards, self.whole), placed)

    def rows_of_all(self, stacked):
        """Stacked arrays that every host has, as arrays cut over all devices."""
        if len(self.own) > 1:
            stacked = jax.device_put(stacked, split(self.own))
        own = _every(stacked, self._number, self._count, len(self.own))
        placed = jax.device_put(own, split(self.own))
        longer = lambda a: (self._count * len(a), *a.shape[1:])
        return jax.tree.map(lambda a: _of_shards(self.rows, a, longer(a)), placed)

    def of_this_host(self, tree):
        """Arrays of all devices, as this host's own: whole, or cut over its devices."""
        return jax.tree.map(self._own, tree)

    def _own(self, array):
        shards = [shard.data for shard in array.addressable_shards]
        if len(shards) == 1:
            return shards[0]
        place = whole if array.sharding.is_fully_replicated else split
        return _of_shards(place(self.own), array)


def _of_shards(sharding: NamedSharding, array, shape=None) -> jax.Array:
    shards = [shard.data for shard in array.addressable_shards]
    return jax.make_array_from_single_device_arrays(
        shape or array.shape, sharding, shards
    )


@partial(jax.jit, static_argnums=(1, 2, 3))
def _every(stacked, number: int, count: int, parts: int):
    """Block `number` of each `count` blocks, of which there are `parts` times as many.

    >>> _every(np.arange(8), 1, 2, 2).tolist()
    [2, 3, 6, 7]
    """
    each = size(stacked) // (count * parts)

    def pick(a):
        blocks = a.reshape(parts, count, each, *a.shape[1:])
        return blocks[:, number].reshape(parts * each, *a.shape[1:])

    return jax.tree.map(pick, stacked)
