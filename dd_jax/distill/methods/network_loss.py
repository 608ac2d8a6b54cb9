"""The loss of a network on many images, which is differentiated."""

import jax
import jax.numpy as jnp

from dd_jax.runtime.device_memory import recomputed_in_batches
from dd_jax.runtime.split_work import split_sum
from dd_jax.train.losses import cross_entropy
from dd_jax.types import Array, Model, Params


def network_loss(
    model: Model, params: Params, weights: Array, images: Array, labels: Array
) -> Array:
    """`sum_i weights_i CE(f(x_i; params), y_i)`, `f32[]`.

    Several devices share the images; each takes as many at a time as its memory holds.
    A network with batch statistics sees all of them as one batch.

    Args:
      model: the network f, as in training.
      params: its parameters.
      weights: `f32[n]`.
      images: `f32[n h w c]` in [0, 1].
      labels: probabilities `f32[n k]`.
    """

    def summed(params, weights, images, labels):
        logits_of = lambda images: model.train_apply(params, images)[0]
        if model.has_batch_stats:
            logits = logits_of(images)
        else:
            logits = recomputed_in_batches(logits_of, images)
        return jnp.vdot(weights, jax.vmap(cross_entropy)(logits, labels))

    return split_sum(summed)(params, weights, images, labels)
