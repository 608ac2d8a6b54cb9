"""Parameters of a network from its weights in one vector, as experts are stored."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from dd_jax.types import Array, InputError, Model, Params


def unraveller(model: Model) -> Callable[[Array], Params]:
    """Makes parameters of flat weights; what is not trained is zero.

    Args:
      model: the network.

    Returns:
      `f32[p] -> params`, weights in the order of `ravel_pytree`.
    """
    template = jax.eval_shape(model.init, jax.random.key(0))

    def unravel(flat: Array) -> Params:
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), template)
        weights = ravel_pytree(model.trainable(zeros))[1](flat)
        return model.with_trainable(zeros, weights)

    return unravel


def require_whole(model: Model, where: str) -> None:
    """Refuses a network that its weights alone do not make up.

    Args:
      model: the network.
      where: the config key, and its value, that an error message names.

    Raises:
      InputError: it has batch statistics, which are not stored with the weights.
    """
    if model.has_batch_stats:
        raise InputError(
            f"{where}: the stored parameters of its network hold no batch statistics; "
            "take another model.norm than batch"
        )
