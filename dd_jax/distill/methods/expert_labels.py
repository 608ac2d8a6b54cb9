"""Labels of a synthetic set that come from experts."""

import jax.numpy as jnp
from jax import lax

from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.types import Array, Model, SyntheticSet


def labels_of_experts(model: Model, weights: Array, images: SyntheticSet) -> Array:
    """The mean logits of the experts that classify an image rightly, of all if none do.

    Guo et al. (2024), DATM. Differs from the released code in: initial images are not
    limited to those that the experts classify rightly.

    Args:
      model: the network of the experts.
      weights: `f32[e p]`, theirs.
      images: a set by class, `f32[k m h w c]`.

    Returns:
      `f32[k m k]`.
    """
    classes, per_class = images.images.shape[:2]
    unravel, flat = unraveller(model), flattened(images).images
    logits = lax.map(lambda one: model.apply(unravel(one), flat), weights)
    right = logits.argmax(-1) == jnp.arange(classes).repeat(per_class)
    right = jnp.where(right.any(0), right, True)[..., None]
    means = jnp.where(right, logits, 0.0).sum(0) / right.sum(0)
    return means.reshape(classes, per_class, -1)
