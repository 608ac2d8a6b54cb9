"""Random keys by name, so that a new random draw changes no other draw."""

import zlib

import jax

from dd_jax.types import Array, Key


def named(key: Key, name: str) -> Key:
    """The key that belongs to `name`.

    >>> a, b = (named(jax.random.key(0), name) for name in ("nets", "attack"))
    >>> bool((jax.random.key_data(a) == jax.random.key_data(b)).all())
    False
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def stack(key: Key, count: int) -> Array:
    """`count` keys, `key[count]`, of which the first ones do not depend on `count`."""
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(jax.numpy.arange(count))


def integer(key: Key) -> int:
    """A seed in [0, 2**32) for libraries that take one."""
    return int(jax.random.bits(key))
