"""Parameters of a network from its weights in one vector, as experts are stored."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from dd_jax.types import Array, Model, Params


def unraveller(model: Model, whole: bool = False) -> Callable[[Array], Params]:
    """Makes parameters of flat weights; what is not trained is zero.

    Args:
      model: the network.
      whole: whether batch statistics are among them, as those of a teacher are.

    Returns:
      `f32[p] -> params`, weights in the order of `ravel_pytree`.
    """
    template = jax.eval_shape(model.init, jax.random.key(0))

    def unravel(flat: Array) -> Params:
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), template)
        if whole:
            return ravel_pytree(zeros)[1](flat)
        weights = ravel_pytree(model.trainable(zeros))[1](flat)
        return model.with_trainable(zeros, weights)

    return unravel
