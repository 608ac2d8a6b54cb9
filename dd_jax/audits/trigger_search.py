"""The smallest change that makes a network take any image for a class."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Model, Params

_BATCH = 32  # images in a step
_LEARNING_RATE = 0.1  # of Adam


class Search(NamedTuple):
    """What was found for each of s networks and k classes.

    Attributes:
      masks: `f32[s k h w 1]` in [0, 1].
      patterns: `f32[s k h w c]` in [0, 1].
      norms: `f32[s k]`, the sum of each mask.
      success: `f32[s k]`, share of the images of other classes that are taken for it.
    """

    masks: Array
    patterns: Array
    norms: Array
    success: Array


def masked(images: Array, mask: Array, pattern: Array) -> Array:
    """`(1 - m) x + m p`, images `f32[n h w c]` with a mask `f32[h w 1]`."""
    return (1 - mask) * images + mask * pattern


def search_triggers(
    model: Model,
    params: Params,
    key: Key,
    images: Array,
    labels: Array,
    *,
    classes: int,
    steps: int,
    weight: float,
) -> Search:
    """Looks for a mask and a pattern of each class in each network.

    For class c Adam descends `mean_i CE(f((1 - m) x_i + m p), c) + weight mean(m)` over
    sigmoids m and p, from `m = 1/2`, on random batches. All classes of a network are
    one program, networks are shared among devices.

    Wang et al. (2019), "Neural Cleanse", eq. 3. Differs in: the norm of the mask is per
    pixel, so that `weight` fits images of any size, and `weight` stays as it is, where
    the paper changes it until nearly all images are taken for the class.

    Args:
      model: the network.
      params: with a leading axis of s networks.
      key: of the batches and first patterns, the same for all networks.
      images: `f32[n h w c]` in [0, 1], clean.
      labels: `i32[n]`, their classes.
      classes: k.
      steps: of Adam.
      weight: of the share of the image that the mask covers.
    """
    chex.assert_rank([images, labels], [4, 1])
    run = _searcher(model, classes, steps, weight)
    return Search(*run((key, jnp.asarray(images), jnp.asarray(labels)), params))


@reused
def _searcher(model: Model, classes: int, steps: int, weight: float) -> Callable:
    adam = optax.adam(_LEARNING_RATE)

    def of_class(params, key, images, labels, target):
        def loss(raw, batch):
            mask, pattern = jax.nn.sigmoid(raw[0]), jax.nn.sigmoid(raw[1])
            logits = model.apply(params, masked(batch, mask, pattern))
            entropy = -jax.nn.log_softmax(logits)[:, target].mean()
            return entropy + weight * mask.mean()

        def step(i, carry):
            raw, state = carry
            at = jax.random.randint(jax.random.fold_in(key, i), (_BATCH,), 0, n)
            updates, state = adam.update(jax.grad(loss)(raw, images[at]), state)
            return optax.apply_updates(raw, updates), state

        n, *shape = images.shape
        pattern = jax.random.normal(jax.random.fold_in(key, steps), shape)
        first = jnp.zeros((*shape[:2], 1)), pattern
        raw, _ = lax.fori_loop(0, steps, step, (first, adam.init(first)))
        mask, pattern = jax.nn.sigmoid(raw[0]), jax.nn.sigmoid(raw[1])
        taken = model.apply(params, masked(images, mask, pattern)).argmax(-1) == target
        others = labels != target
        success = (taken & others).sum() / jnp.maximum(others.sum(), 1)
        return mask, pattern, mask.sum(), success

    def of_network(shared, params):
        key, images, labels = shared
        each = lambda key, target: of_class(params, key, images, labels, target)
        keys = jax.random.split(key, classes)
        return jax.vmap(each)(keys, jnp.arange(classes))

    return map_models(of_network)
