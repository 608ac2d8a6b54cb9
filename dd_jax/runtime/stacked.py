"""Trees whose leaves have a leading axis of models: read and written whole.

Each is one compiled program for a tree, where an operation for each leaf would be
compiled for each of their shapes.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.types import Array


def size(stacked) -> int:
    """Length of the leading axis.

    >>> size({"w": jnp.zeros((3, 2))})
    3
    """
    return len(jax.tree.leaves(stacked)[0])


@jax.jit
def row(stacked, i: int | Array):
    """Entry `i` of each leaf.

    >>> row({"w": jnp.arange(6.0).reshape(3, 2)}, 1)["w"].tolist()
    [2.0, 3.0]
    """
    pick = lambda leaf: lax.dynamic_index_in_dim(leaf, i, keepdims=False)
    return jax.tree.map(pick, stacked)


@partial(jax.jit, static_argnums=1)
def repeated(tree, count: int):
    """`count` copies of a tree side by side.

    >>> repeated({"w": jnp.ones(2)}, 3)["w"].shape
    (3, 2)
    """
    copies = lambda leaf: jnp.broadcast_to(leaf, (count, *jnp.shape(leaf)))
    return jax.tree.map(copies, tree)


@partial(jax.jit, static_argnums=2)
def rows(stacked, first: int | Array, count: int):
    """Entries `first` to `first + count - 1` of each leaf.

    >>> rows({"w": jnp.arange(4.0)}, 1, 2)["w"].tolist()
    [1.0, 2.0]
    """
    pick = lambda leaf: lax.dynamic_slice_in_dim(leaf, first, count)
    return jax.tree.map(pick, stacked)


@partial(jax.jit, donate_argnums=0)
def with_row(stacked, i: int | Array, new):
    """`stacked` with `new` as entry `i`; takes the memory of `stacked`.

    >>> with_row({"w": jnp.zeros(3)}, 1, {"w": jnp.float32(5)})["w"].tolist()
    [0.0, 5.0, 0.0]
    """
    put = lambda leaf, one: lax.dynamic_update_index_in_dim(leaf, one, i, 0)
    return jax.tree.map(put, stacked, new)


@jax.jit
def stack_trees(trees):
    """Trees side by side, along a new leading axis.

    >>> stack_trees([{"w": 1.0}, {"w": 2.0}])["w"].tolist()
    [1.0, 2.0]
    """
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@partial(jax.jit, static_argnums=1)
def join_trees(trees, count: int | None = None):
    """Stacked trees one after another, the first `count` entries of them if given.

    >>> join_trees([{"w": jnp.zeros(1)}, {"w": jnp.ones(2)}])["w"].tolist()
    [0.0, 1.0, 1.0]
    """
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:count], *trees)
