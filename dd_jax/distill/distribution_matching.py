"""Distribution matching: synthetic images with the mean features of the real ones."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.distill.base import Batch, Method, Real, draw, one_hot_labels
from dd_jax.distill.pixels import pixels
from dd_jax.train.fit import unchanged
from dd_jax.types import Array, Key, Model, SyntheticSet

_CHUNK = 32  # real images embedded at a time, so that activations stay in the cache


class State(NamedTuple):
    """Stored images and the momentum of the descent on them."""

    theta: Array
    opt: optax.OptState


def class_means(model: Model, params, batch: Batch) -> Array:
    """Weighted mean feature of each class, `f32[k d]`.

    Networks with batch statistics see all classes as one batch; others go through the
    images in small chunks.
    """
    classes, size = batch.weights.shape
    images = batch.images.reshape(-1, *batch.images.shape[2:])
    if "batch_stats" in params:
        features = model.features(params, images, train=True)
    else:
        embed = lambda image: model.features(params, image[None])[0]
        features = lax.map(embed, images, batch_size=min(_CHUNK, len(images)))
    features = features.reshape(classes, size, -1)
    total = jnp.einsum("kb,kbd->kd", batch.weights, features)
    return total / batch.weights.sum(1, keepdims=True)


def matching_loss(real: Array, synthetic: Array) -> Array:
    """Sum over classes of squared distances between means: `sum_c ||r_c - s_c||^2`.

    Args:
      real: `f32[k d]`.
      synthetic: `f32[k d]`.

    >>> matching_loss(jnp.array([[0.0, 1.0]]), jnp.array([[2.0, 1.0]]))
    Array(4., dtype=float32)
    """
    return jnp.square(real - synthetic).sum()


@cache
def distribution_matching(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    lr: float = 1.0,
    momentum: float = 0.5,
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
) -> Method:
    """Distribution matching with siamese augmentation.

    At each step a fresh random network phi embeds both sides, and gradient descent with
    momentum follows
    `sum_c || mean_i phi(A_c(x_ci)) - mean_j phi(A_c(s_cj)) ||^2`,
    with one augmentation A_c for both sides of class c. Images are learned in
    normalised space and are not clamped.

    Zhao and Bilen (2023), arXiv:2110.04181, eq. 4.
    Differs from the released code in: the synthetic images of all classes pass through
    the network as one batch; every random draw follows from the key.

    Args:
      model: the family of random networks.
      ipc: images a class.
      init: see `pixels`.
      lr: step size on normalised pixels.
      momentum: decay of the running gradient sum.
      batch_real: real images a class and step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      mean: per-channel mean in [0, 1].
      std: per-channel standard deviation.

    Returns:
      A `Method`; the same arguments give the same object.
    """
    parametrisation = pixels(ipc, init, mean, std)
    optimizer = optax.sgd(lr, momentum)

    def start(key: Key, real: Real) -> State:
        theta = jnp.asarray(parametrisation.init(key, real))
        return State(theta, optimizer.init(theta))

    def sample(key: Key, real: Real) -> Batch:
        return draw(key, real, batch_real)

    def update(key, state, batch):
        net_key, augment_key = jax.random.split(key)
        params = model.init(net_key)
        keys = jax.random.split(augment_key, len(batch.weights))
        siamese = lambda images: lax.map(lambda at: augment(*at), (keys, images))
        real = class_means(model, params, batch._replace(images=siamese(batch.images)))

        def loss_fn(theta):
            images = siamese(parametrisation.decode(theta))
            flat = images.reshape(-1, *images.shape[2:])
            features = model.features(params, flat, train=True)
            synthetic = features.reshape(len(keys), ipc, -1).mean(1)
            return matching_loss(real, synthetic)

        loss, grad = jax.value_and_grad(loss_fn)(state.theta)
        step, opt = optimizer.update(grad, state.opt, state.theta)
        return State(optax.apply_updates(state.theta, step), opt), {"loss": loss}

    def read(state: State) -> SyntheticSet:
        images = parametrisation.decode(state.theta)
        labels = one_hot_labels(len(images), ipc)
        flat = images.reshape(-1, *images.shape[2:])
        return SyntheticSet(flat, labels, jnp.float32(0.01))

    return Method(start, sample, update, read)
