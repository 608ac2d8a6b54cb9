"""Poisson batches: every private row takes part with one probability, on its own."""

import math

import jax
import jax.numpy as jnp

from dd_jax.types import Array, Key

STEP = 64  # rows by which batches have room
_RARE = 40.0  # minus the logarithm of the chance that a batch is cut


def taking_part(key: Key, rows: int, sampling: float) -> Array:
    """Whether each row takes part, `bool[n]`.

    Args:
      key: of the draw; who knows it knows the batch.
      rows: n.
      sampling: q, to the precision of all 32 random bits; the default of
        `jax.random.bernoulli` would round it up to 23.
    """
    return jax.random.bernoulli(key, sampling, (rows,), mode="high")


def capacity(rows: int, sampling: float) -> int:
    """How many rows a Poisson batch has room for, a multiple of 64.

    By the inequality of Bernstein (1924), a batch is larger than
    `q n + L / 3 + sqrt(L^2 / 9 + 2 L q (1 - q) n)` with a chance below `exp(-L)`;
    L = 40, so below 1e-17 for each step, which adds as much to delta.

    >>> capacity(60000, 256 / 60000), capacity(100, 1.0)
    (448, 128)
    """
    mean, spread = sampling * rows, sampling * (1 - sampling) * rows
    above = _RARE / 3 + math.sqrt(_RARE**2 / 9 + 2 * _RARE * spread)
    return -(-min(math.ceil(mean + above), rows) // STEP) * STEP


def poisson_batch(key: Key, present: Array, sampling: float) -> tuple[Array, Array]:
    """A batch of a fixed size, for compiled programs.

    Args:
      key: of the draw.
      present: `bool[m]`, the rows to draw from.
      sampling: q.

    Returns:
      `(places i32[c], drawn bool[c])` with the c of `capacity`: the rows drawn, then
      fillers that are not.
    """
    room = capacity(len(present), sampling)
    drawn = present & taking_part(key, len(present), sampling)
    places = jnp.nonzero(drawn, size=room, fill_value=0)[0]
    return places, jnp.arange(room) < drawn.sum()
