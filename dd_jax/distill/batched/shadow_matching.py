"""Distribution matching of many shadows at once, one random network for all of them.

Shadows differ in the rows that they are given, and so in the class means that they
match. All share one network and one real batch: the batch is embedded once, the means
of all shadows and classes are one product of memberships with features, and only the
synthetic images of each shadow pass through the network on their own.
"""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.base import Batch
from dd_jax.distill.batched.batched_method import (
    BatchedMethod,
    require_no_batch_stats,
    shared_sample,
)
from dd_jax.distill.loss_matching import siamese
from dd_jax.distill.methods.distribution_matching import (
    embed,
    matching_loss,
    synthetic_means,
)
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.device_memory import at_once, sum_in_batches
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.split_work import split_map, split_sum
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model

_IMAGES = 128  # synthetic images that pass through the network at a time on CPU


def shadow_means(
    features_of: Callable[[Any, Array], Array], shared: Any, batch: Batch
) -> tuple[Array, Array]:
    """Mean feature of each class among the rows of each shadow.

    `m_sc = sum_b w_scb f(x_cb) / sum_b w_scb`. Several devices share the images of
    every class, and add up their features.

    Args:
      features_of: `(shared, f32[k b h w c]) -> f32[k b d]`, each image on its own.
      shared: what it needs beside the images.
      batch: images `f32[k b h w c]`, weights `f32[s k b]`, 1 where the row is the
        shadow's.

    Returns:
      `(f32[s k d], bool[s k])`; false where a shadow has no row in the batch.

    >>> batch = Batch(jnp.array([[1.0, 3.0]]), jnp.array([[[1.0, 1.0]], [[0.0, 1.0]]]))
    >>> means, found = shadow_means(lambda scale, x: scale * x[..., None], 2.0, batch)
    >>> means.ravel().tolist(), found.ravel().tolist()
    ([4.0, 6.0], [True, True])
    """
    chex.assert_rank(batch.weights, 3)

    def weighted(shared, weights, images):
        features = features_of(shared, images.swapaxes(0, 1))
        return jnp.einsum("bsk,kbd->skd", weights, features)

    def summed(shared, *by_image):
        return sum_in_batches(lambda some: weighted(shared, *some), by_image)

    by_image = jnp.moveaxis(batch.weights, -1, 0), batch.images.swapaxes(0, 1)
    total = split_sum(summed)(shared, *by_image)
    count = batch.weights.sum(-1)
    return total / jnp.maximum(count, 1)[..., None], count > 0


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def shadow_matching(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float = 1.0,
    **images,
) -> BatchedMethod:
    """The batched form of distribution matching, on the states of the single form.

    Each step is that of `distribution_matching` with the network, the augmentations
    and the real batch shared. A shadow is given its own rows of the batch, so that
    complementary halves want a batch twice as large as a single distillation. At s = 1
    it is the single form. A class without a row of the shadow's in the batch makes no
    part of that step.

    Args:
      model: the family of random networks; without batch statistics, through which
        rows would reach shadows that are not given them.
      ipc: stored images a class.
      batch_real: real images a class and step, shared by all shadows.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      **images: see `synthetic`.

    Returns:
      A `BatchedMethod`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    require_no_batch_stats(model)
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)

    def features_of(shared, images):
        params, augment_key = shared
        images = siamese(augment, augment_key, images)
        flat = images.reshape(-1, *images.shape[2:])
        return embed(model, params, flat).reshape(*images.shape[:2], -1)

    def step(shared, state, real, found):
        params, augment_key = shared

        def loss_fn(learned):
            ours = learner.decode(learned)
            images = siamese(augment, augment_key, ours.images)
            ours = synthetic_means(model, params, ours._replace(images=images))
            return matching_loss(real * found, ours * found)

        loss, grad = jax.value_and_grad(loss_fn)(state.params)
        return learner.update(state, grad), loss

    def steps(shared, *every):
        one = lambda at: step(shared, *at)
        together, classes = jax.vmap(one), every[1].shape[1]
        size = _IMAGES // (classes * ipc) if in_turn() else at_once(together, every)
        if size < len(every[1]) or in_turn():
            return lax.map(one, every, batch_size=max(size, 1))
        return together(every)

    def update(key, states, batch):
        net_key, augment_key = jax.random.split(key)
        shared = model.init(net_key), augment_key
        means, found = shadow_means(features_of, shared, batch)
        states, losses = split_map(steps)(shared, states, means, found[..., None])
        return states, {"loss": losses.mean()}

    return BatchedMethod(shared_sample(batch_real), update)
