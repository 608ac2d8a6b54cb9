"""What an attack raises: losses of one example's logits."""

import jax.numpy as jnp
import optax

from dd_jax.types import Array


def cross_entropy(logits: Array, label: Array) -> Array:
    """Negative log-probability of the true class.

    `log sum_i exp(z_i) - z_y`

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, in nats, at least 0.
    """
    return optax.softmax_cross_entropy_with_integer_labels(logits, label)


def margin(logits: Array, label: Array) -> Array:
    """How far the best wrong class is ahead of the true one.

    `max_{i != y} z_i - z_y`, positive exactly where the example is misclassified.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, in logits.

    >>> float(margin(jnp.array([2.0, 1.0, 0.5, -1.0]), 0))
    -1.0
    """
    others = jnp.where(jnp.arange(logits.shape[-1]) == label, -jnp.inf, logits)
    return others.max() - logits[label]
