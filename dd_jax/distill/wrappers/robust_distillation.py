"""Robust distillation: the real images that a method matches are attacked first."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dd_jax.attacks import ATTACKS
from dd_jax.distill.base import Method, Real
from dd_jax.distill.wrappers.matched_batch import matched, with_matched
from dd_jax.runtime.parallel import vmap_or_loop
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Model, Params


def nearest_mean(
    model: Model, params: Params, images: Array, weights: Array
) -> Callable[[Array], Array]:
    """The classifier of a network's features by the nearest mean of a class.

    `z_c(x) = -||phi(x) - mu_c||^2 / s`, with `mu_c` the weighted mean of class c and s
    the mean squared distance between two means. Distribution
    matching preserves it: a set with the means of the real data has the same
    classifier.

    Args:
      model: gives the features phi.
      params: of the network.
      images: `f32[k b h w c]`, b of each class.
      weights: `f32[k b]`, 0 for fillers.

    Returns:
      `f32[n h w c] -> f32[n k]`, logits.
    """
    embed = lambda batch: model.features(params, batch)
    features = vmap_or_loop(embed, images)
    means = jnp.einsum("kb,kbd->kd", weights, features)
    return nearest_to(model, params, means / weights.sum(1, keepdims=True))


def nearest_to(model: Model, params: Params, means: Array) -> Callable[[Array], Array]:
    """The classifier of `nearest_mean` by given means of features, `f32[k d]`."""
    squared = lambda a, b: jnp.square(a[:, None] - b).sum(-1)
    spread = jnp.maximum(squared(means, means).mean(), 1e-12)
    return lambda batch: -squared(model.features(params, batch), means) / spread


@reused
def robust(method: Method, model: Model, *, eps: float, steps: int) -> Method:
    """Distils from attacked real images, in place of the real ones.

    At each step a random network of its own embeds the real batch, and PGD moves each
    image within the Linf ball and [0, 1] towards another class of `nearest_mean`, with
    its label kept. What the method then matches are the features of adversarial
    images, whichever its own loss is. It takes `steps` more passes over the real batch
    in each step.

    The idea of training on attacked images is that of Madry et al. 2018; the students
    here are random networks with a nearest-mean classifier.

    Args:
      method: one whose `sample` gives a `Batch` of real images, or holds one as
        `match`: distribution and gradient matching.
      model: the family of random networks.
      eps: Linf radius in pixel units; 0 leaves the method as it is.
      steps: of PGD.

    Returns:
      A `Method`; the same arguments give the same object.
    """
    if not eps or not method.steps:
        return method
    attack = ATTACKS["pgd_linf"](eps, steps=steps)

    def sample(key: Key, real: Real):
        sample_key, net_key, attack_key = jax.random.split(key, 3)
        drawn = method.sample(sample_key, real)
        batch = matched(drawn)
        params = model.init(net_key)
        logits_fn = nearest_mean(model, params, batch.images, batch.weights)

        def of_class(key, images, label):
            return attack(key, logits_fn, images, jnp.full(len(images), label))

        classes = len(batch.images)
        keys = jax.random.split(attack_key, classes)
        images = vmap_or_loop(of_class, keys, batch.images, jnp.arange(classes))
        return with_matched(drawn, batch._replace(images=images))

    return method._replace(sample=sample)
