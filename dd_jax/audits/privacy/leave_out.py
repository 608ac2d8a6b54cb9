"""Which models may serve as shadows when one of them is the target."""

import jax.numpy as jnp

from dd_jax.types import Array


def shadows(models: int, target: Array) -> Array:
    """Marks the models that may serve as shadows of a target: `bool[m]`.

    Left out are the target and its complement, row `target ^ 1`. With the complement
    kept, a point that the target has not seen would have one more IN shadow than a
    point that it has, and the null would drift below an AUC of 0.5.
    """
    rows = jnp.arange(models)
    return (rows != target) & (rows != target ^ 1)


def some_shadows(models: int, target: Array, limit: int) -> Array:
    """Lists at most `limit` shadows of a target, in whole pairs, from the next pair on.

    For scores that fit something to pooled shadows, where a few are as good as all.

    Args:
      models: number of models m, even.
      target: index of the model under attack; may be traced.
      limit: most shadows to list, even.

    Returns:
      `i32[min(m - 2, limit)]`.

    >>> some_shadows(8, 5, 4).tolist()
    [6, 7, 0, 1]
    """
    following = (target | 1) + 1 + jnp.arange(min(models - 2, limit))
    return following % models


def mean_over(values: Array, mask: Array) -> Array:
    """Mean over the marked models, 0 where none is marked.

    Args:
      values: `f32[m n q]`.
      mask: `bool[m n]`.

    Returns:
      `f32[n q]`.
    """
    mask = mask[..., None]
    return jnp.sum(values, axis=0, where=mask) / jnp.maximum(mask.sum(0), 1)
