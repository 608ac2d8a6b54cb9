"""Gradient matching of many shadows in one batch, with one random network for all.

A gradient of a weighted mean is linear in the weights, and shadows differ only
in the weights of the real images: the real batch passes through the network and back
once, a gradient an image, and those of all shadows are one product of weights with
them.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from dd_jax.distill.batched.batched_method import (
    BatchedMethod,
    require_no_batch_stats,
    shared_sample,
)
from dd_jax.distill.methods.condensation import inner_loop_of
from dd_jax.distill.methods.distances import DISTANCES
from dd_jax.distill.methods.gradient_matching import (
    GradientMatchingState,
    advance,
    mean_gradient,
    reset_if_new,
)
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.device_memory import at_once
from dd_jax.runtime.parallel import vmap_or_loop
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.split_work import split_map, split_sum
from dd_jax.runtime.stacked import repeated, row
from dd_jax.train.losses import cross_entropy
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model, Params

_PIECE = 64  # real images that pass through the network at a time on CPU


def shadow_gradients(
    model: Model, params: Params, images: Array, label: Array, weights: Array
) -> Params:
    """Gradients of weighted mean cross-entropies of the same images, one a shadow.

    `g_s = sum_b w_sb grad l(x_b) / sum_b w_sb`, zero where all weights are. Several
    devices share the images.

    Args:
      model: the network, without batch statistics.
      params: its parameters.
      images: `f32[b h w c]`, all of one class.
      label: `f32[k]`, probabilities.
      weights: `f32[s b]`.

    Returns:
      Gradients of `model.trainable(params)`, each with a leading axis s.
    """
    _, unravel = ravel_pytree(model.trainable(params))
    shares = weights / jnp.maximum(weights.sum(1, keepdims=True), 1e-12)

    def loss(trainable, params, label, image):
        here = model.with_trainable(params, trainable)
        return cross_entropy(model.apply(here, image[None])[0], label)

    def apart(shared, images):
        params, label = shared
        of_image = lambda image: jax.grad(loss)(
            model.trainable(params), params, label, image
        )
        grads = jax.vmap(of_image)(images)
        rows = [leaf.reshape(len(images), -1) for leaf in jax.tree.leaves(grads)]
        return jnp.concatenate(rows, axis=1)

    def weighted(shared, shares, images):
        return _products(partial(apart, shared), shares.T, images)

    total = split_sum(weighted)((params, label), shares.T, images)
    return jax.vmap(unravel)(total)


def _products(apart: Callable[[Array], Array], shares: Array, images: Array) -> Array:
    """`shares @ apart(images)`, in pieces that fit, `f32[s p]`."""
    most = _PIECE if in_turn() else at_once(apart, images)
    pieces = -(-len(images) // most)
    if pieces == 1 and not in_turn():
        return shares @ apart(images)
    size = -(-len(images) // pieces)
    fill = pieces * size - len(images)
    images = jnp.concatenate([images, images[:fill]])
    shares = jnp.pad(shares, ((0, 0), (0, fill)))

    def add(total, piece):
        images, shares = piece
        return total + shares @ apart(images), None

    cut = (
        images.reshape(pieces, size, *images.shape[1:]),
        shares.reshape(-1, pieces, size).swapaxes(0, 1),
    )
    found = jax.eval_shape(apart, cut[0][0])
    zero = jnp.zeros((len(shares), found.shape[1]), found.dtype)
    return lax.scan(add, zero, cut)[0]


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def shadow_siamese_condensation(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    augment_net: Callable[[Key, Array], Array] = unchanged,
    lr: float = 0.1,
    outer_steps: int = 0,
    net_epochs: int = 0,
    distance: str = "cosine",
    **images,
) -> BatchedMethod:
    """The batched form of gradient matching, on the states of the single form.

    Each step is that of `siamese_condensation` with the network, the augmentations and
    the real batch shared. A network of several outer steps is trained between
    two of them on the set of one shadow, drawn again each time, so that it fits no set
    as well as in the single form. At s = 1 it is the single form. A class
    without a row of the shadow's in the batch makes no part of that step.

    Args:
      model: the family of random networks; without batch statistics.
      ipc: stored images a class.
      batch_real: real images a class and step, shared by all shadows.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      augment_net: the same with parameters for each image, for the network's training.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      outer_steps: matching steps a network; 0 is that of `loops(ipc)`.
      net_epochs: its epochs between two of them; 0 is that of `loops(ipc)`.
      distance: a key of `DISTANCES`.
      **images: see `synthetic`.

    Returns:
      A `BatchedMethod`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    require_no_batch_stats(model)
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)
    inner_loop = inner_loop_of(model, ipc, outer_steps, net_epochs, augment_net)

    def pulls(key, learned, params, batch):
        synthetic_batch, back = jax.vjp(jax.vmap(learner.decode), learned)

        def of_class(key, images, weights, label, synthetic_images, synthetic_labels):
            real = shadow_gradients(model, params, augment(key, images), label, weights)

            def term(images, labels, shared, real, found):
                key, params = shared
                ones = jnp.ones(len(images))
                changed = augment(key, images)
                ours = mean_gradient(model, params, changed, labels, ones)
                return found * DISTANCES[distance](ours, real)

            def of_shadows(shared, *each):
                def pull(images, labels, *others):
                    both = jax.value_and_grad(term, (0, 1))
                    return both(images, labels, shared, *others)

                return vmap_or_loop(pull, *each)

            found = (weights.sum(1) > 0).astype(jnp.float32)
            each = synthetic_images, synthetic_labels, real, found
            return split_map(of_shadows)((key, params), *each)

        classes = batch.weights.shape[1]
        by_class = lambda a: a.swapaxes(0, 1)
        sides = (
            jax.random.split(key, classes),
            batch.images,
            by_class(batch.weights),
            jnp.eye(classes),
            by_class(synthetic_batch.images),
            by_class(synthetic_batch.labels),
        )
        terms, grads = lax.map(lambda side: of_class(*side), sides)
        cotangent = synthetic_batch._replace(
            images=by_class(grads[0]),
            labels=by_class(grads[1]),
            lr=jnp.zeros_like(synthetic_batch.lr),
        )
        return terms.sum(0).mean(), back(cotangent)[0]

    def update(key, states, batch):
        net_key, match_key, train_key = jax.random.split(key, 3)
        step = states.step[0]
        net = reset_if_new(inner_loop, net_key, row(states.net, 0), step)
        loss, grads = pulls(match_key, states.learned.params, net.params, batch)
        learned = jax.vmap(learner.update)(states.learned, grads)
        turn = jax.random.randint(
            jax.random.fold_in(train_key, 0), (), 0, len(states.step)
        )
        synthetic_batch = flattened(learner.decode(row(learned.params, turn)))
        net, step = advance(inner_loop, train_key, net, step, synthetic_batch, ())
        for_all = repeated((net, step), len(states.step))
        return GradientMatchingState(learned, *for_all), {"loss": loss}

    return BatchedMethod(shared_sample(batch_real), update)


@passes_on(shadow_siamese_condensation, "augment", "augment_net")
def shadow_condensation(model: Model, **options) -> BatchedMethod:
    """The batched form of DC: `shadow_siamese_condensation` without augmentation."""
    return shadow_siamese_condensation(model, **options)
