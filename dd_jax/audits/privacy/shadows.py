"""Which models are the shadows of a target."""

import chex
import jax.numpy as jnp

from dd_jax.types import Array


def shadow_mask(models: int, target: Array) -> Array:
    """Marks the shadow models of a target: all models but the target's pair.

    Left out are the target and its complement, row `target ^ 1`. With the complement
    among them, a non-member of the target would have one more IN shadow than a member,
    and the AUC of a score without information would fall below 0.5.

    Args:
      models: number of models m, even.
      target: index of the model under attack; may be traced.

    Returns:
      `bool[m]`.

    >>> shadow_mask(6, 2).tolist()
    [True, True, False, False, True, True]
    """
    rows = jnp.arange(models)
    return (rows != target) & (rows != target ^ 1)


def shadow_indices(models: int, target: Array, limit: int) -> Array:
    """Lists at most `limit` shadows of a target, in whole pairs, from the next pair on.

    For scores that fit an attack model to pooled shadows, where a few are enough.

    Args:
      models: number of models m, even.
      target: index of the model under attack; may be traced.
      limit: most shadows to list, even.

    Returns:
      `i32[min(m - 2, limit)]`.

    >>> shadow_indices(8, 5, 4).tolist()
    [6, 7, 0, 1]
    """
    following = (target | 1) + 1 + jnp.arange(min(models - 2, limit))
    return following % models


def masked_mean(values: Array, mask: Array) -> Array:
    """Mean over the marked models, 0 where none is marked.

    Args:
      values: `f32[m n q]`.
      mask: `bool[m n]`.

    Returns:
      `f32[n q]`.
    """
    chex.assert_rank([values, mask], [3, 2])
    mask = mask[..., None]
    return jnp.sum(values, axis=0, where=mask) / jnp.maximum(mask.sum(0), 1)
