"""Clipping of what each row contributes, by jax-privacy."""

import jax

from dd_jax.train.private.libraries import library
from dd_jax.types import Array, InputError, Model


def clipped(rows: Array, norm: float) -> Array:
    """Rows shortened to an L2 norm of at most `norm`; what is not finite counts as 0.

    `v min(1, C / ||v||)`.

    Args:
      rows: `f32[n ...]`.
      norm: C, above 0.

    Returns:
      `f32[n ...]`.

    Raises:
      InputError: the library is missing.

    Abadi et al. (2016), "Deep learning with differential privacy", alg. 1.
    """
    clip = require().clip_pytree
    return jax.vmap(lambda row: clip(row, norm)[0])(rows)


def require_rows_apart(model: Model) -> None:
    """Refuses a network in which rows of a batch see one another.

    Raises:
      InputError: it has batch statistics.
    """
    if model.has_batch_stats:
        raise InputError(
            "dp.epsilon: the network has batch statistics, which mix rows, so that "
            "none can be clipped; take another model.norm"
        )


def require():
    """The library's module of clipping.

    Raises:
      InputError: it is missing.
    """
    return library("jax_privacy.clipping", "jax-privacy")
