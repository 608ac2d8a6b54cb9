"""Distribution matching: synthetic images with the mean features of the real ones."""

from collections.abc import Callable
from functools import partial

import chex
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.base import Batch, Method
from dd_jax.distill.loss_matching import matching_method
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.device_memory import (
    in_batches,
    recomputed_in_batches,
    sum_in_batches,
)
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.split_work import split_sum
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model, SyntheticSet

_CHUNK = 32  # real images embedded at a time on CPU: activations stay in the cache


def embed(model: Model, params, images: Array) -> Array:
    """Features of many images that are not differentiated, `f32[n d]`.

    Networks with batch statistics see all images as one batch. Others see them in small
    chunks on CPU, and on accelerators as one batch where it fits in memory.
    """
    if model.has_batch_stats:
        return model.features(params, images, train=True)
    if in_turn():
        embed = lambda image: model.features(params, image[None])[0]
        return lax.map(embed, images, batch_size=min(_CHUNK, len(images)))
    return in_batches(lambda images: model.features(params, images), images, _CHUNK)


def learned_features(model: Model, params, images: Array) -> Array:
    """Features of many images that are differentiated, `f32[n d]`.

    Networks with batch statistics see all images as one batch. Others see as many as
    an accelerator's memory holds, see `recomputed_in_batches`.
    """
    features = lambda images: model.features(params, images, train=True)
    if model.has_batch_stats:
        return features(images)
    return recomputed_in_batches(features, images)


def class_means(
    model: Model,
    params,
    batch: Batch,
    augment: Callable[[Array], Array] = lambda images: images,
) -> Array:
    """Weighted mean feature of each class, `f32[k d]`, or g of them, `f32[k g d]`.

    Several devices share the images of every class, and add up their features; images
    that an accelerator's memory does not hold at once are augmented and embedded in
    pieces.

    Args:
      model: the network.
      params: its parameters.
      batch: real images, with weights `f32[k b]` or `f32[k g b]`.
      augment: `f32[k b h w c] -> f32[k b h w c]`, each image on its own.
    """

    def weighted(params, weights, images):
        images = augment(images.swapaxes(0, 1))
        flat = images.reshape(-1, *images.shape[2:])
        features = embed(model, params, flat).reshape(*images.shape[:2], -1)
        weights = jnp.moveaxis(weights, 0, -1)
        return jnp.einsum("k...b,kbd->k...d", weights, features)

    def summed(params, *by_image):
        some = lambda by_image: weighted(params, *by_image)
        together = model.has_batch_stats
        return some(by_image) if together else sum_in_batches(some, by_image)

    by_image = jnp.moveaxis(batch.weights, -1, 0), batch.images.swapaxes(0, 1)
    total = split_sum(summed)(params, *by_image)
    return total / batch.weights.sum(-1, keepdims=True)


def synthetic_means(model: Model, params, synthetic_batch) -> Array:
    """Mean feature of each class of a synthetic set, `f32[k d]`.

    `m_c = sum_j y_jc f(s_j) / sum_j y_jc`, over images and labels `[k i ...]`. Several
    devices share the images.
    """

    def weighted(params, weights, images):
        return weights.T @ learned_features(model, params, images)

    synthetic_batch = flattened(synthetic_batch)
    weights = synthetic_batch.labels / synthetic_batch.labels.sum(0)
    return split_sum(weighted)(params, weights, synthetic_batch.images)


def squared_distances(real: Array, synthetic: Array) -> Array:
    """Of the means of each class, `||r_c - s_c||^2`, or of each of g means of it.

    Args:
      real: `f32[k d]` or `f32[k g d]`.
      synthetic: `f32[k d]`.

    Returns:
      `f32[k]` or `f32[k g]`.

    >>> squared_distances(jnp.array([[[0.0, 1.0], [1.0, 1.0]]]), jnp.ones((1, 2)))
    Array([[1., 0.]], dtype=float32)
    """
    if real.ndim == 3:
        synthetic = synthetic[:, None]
    return jnp.square(real - synthetic).sum(-1)


def matching_loss(real: Array, synthetic: Array) -> Array:
    """Sum over classes of squared distances between means: `sum_c ||r_c - s_c||^2`.

    Args:
      real: `f32[k d]`.
      synthetic: `f32[k d]`.

    >>> matching_loss(jnp.array([[0.0, 1.0]]), jnp.array([[2.0, 1.0]]))
    Array(4., dtype=float32)
    """
    chex.assert_rank([real, synthetic], 2)
    chex.assert_equal_shape([real, synthetic])
    return jnp.square(real - synthetic).sum()


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def distribution_matching(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float = 1.0,
    **images,
) -> Method:
    """Distribution matching with siamese augmentation.

    At each step a fresh random network phi embeds both sides, and gradient descent with
    momentum follows
    `sum_c || mean_i phi(A_c(x_ci)) - sum_j y_jc phi(A_c(s_j)) / sum_j y_jc ||^2`,
    with one augmentation A_c for both sides of class c; with one-hot labels y the
    second term is the mean over the class. Images are learned in normalised space and
    are not clamped.

    Zhao and Bilen (2023), arXiv:2110.04181, eq. 4.
    Differs from the released code in: the synthetic images of all classes pass through
    the network as one batch; every random draw follows from the key.

    Args:
      model: the family of random networks.
      batch_real: real images a class and step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      ipc: stored images a class.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.
    """

    def loss(params, means: Array, synthetic_batch: SyntheticSet) -> Array:
        ours = synthetic_means(model, params, synthetic_batch)
        return squared_distances(means, ours)

    method = matching_method(
        model,
        loss,
        ipc=ipc,
        init=init,
        batch_real=batch_real,
        augment=augment,
        lr=lr,
        real_side=partial(class_means, model),
        **images,
    )
    return method._replace(splits=not model.has_batch_stats)
