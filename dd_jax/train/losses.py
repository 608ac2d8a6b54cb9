"""Losses of one example; `vmap` adds the batch."""

import chex
import jax
import jax.numpy as jnp

from dd_jax.types import Array


def cross_entropy(logits: Array, label: Array) -> Array:
    """Cross-entropy against a distribution: `-sum_k label_k log softmax(logits)_k`.

    Args:
      logits: `f32[k]`.
      label: `f32[k]`, probabilities.

    Returns:
      `f32[]`, in nats.

    >>> cross_entropy(jnp.zeros(4), jnp.array([0., 1., 0., 0.])).round(4)
    Array(1.3863, dtype=float32)
    """
    chex.assert_rank([logits, label], 1)
    chex.assert_equal_shape([logits, label])
    return -jnp.vdot(label, jax.nn.log_softmax(logits))
