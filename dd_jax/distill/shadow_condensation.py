"""Gradient matching of many shadows at once, one random network for all of them.

A gradient of a weighted mean is linear in the weights, and shadows differ in the
weights of the real images alone: the real batch passes forward through the network
once, and each shadow sends its own weights back through it.
"""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.distances import DISTANCES
from dd_jax.distill.gradient_matching import mean_gradient
from dd_jax.distill.joint import Joint, keep_apart, sample_for_all
from dd_jax.distill.synthetic import synthetic
from dd_jax.parallel import each
from dd_jax.train.fit import unchanged
from dd_jax.train.losses import cross_entropy
from dd_jax.types import Array, Key, Model, Params

_PIECE = 64  # real images that pass through the network at a time


def shadow_gradients(
    model: Model, params: Params, images: Array, label: Array, weights: Array
) -> Params:
    """Gradients of weighted mean cross-entropies of the same images, one a shadow.

    `g_s = sum_b w_sb grad l(x_b) / sum_b w_sb`, zero where all weights are.

    Args:
      model: the network, without batch statistics.
      params: its parameters.
      images: `f32[b h w c]`, all of one class.
      label: `f32[k]`, probabilities.
      weights: `f32[s b]`.

    Returns:
      Gradients of `params["params"]`, each with a leading axis s.
    """
    pieces = -(-len(images) // _PIECE)
    size = -(-len(images) // pieces)
    fill = pieces * size - len(images)
    images = jnp.concatenate([images, images[:fill]])
    shares = weights / jnp.maximum(weights.sum(1, keepdims=True), 1e-12)
    shares = jnp.pad(shares, ((0, 0), (0, fill)))

    def add(total, piece):
        images, shares = piece

        def losses_of(free):
            logits = model.apply({"params": free}, images)
            return jax.vmap(cross_entropy, (0, None))(logits, label)

        back = jax.vjp(losses_of, params["params"])[1]
        part = each(lambda share: back(share)[0], shares)
        return jax.tree.map(jnp.add, total, part), None

    zero = lambda leaf: jnp.zeros((len(weights), *leaf.shape), leaf.dtype)
    cut = (
        images.reshape(pieces, size, *images.shape[1:]),
        shares.reshape(-1, pieces, size).swapaxes(0, 1),
    )
    return lax.scan(add, jax.tree.map(zero, params["params"]), cut)[0]


@cache
def shadow_siamese_condensation(
    model: Model,
    *,
    ipc: int,
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float = 0.1,
    distance: str = "cosine",
    **images,
) -> Joint:
    """The joint form of gradient matching, on the states of the single form.

    Each step is that of `siamese_condensation` whose networks serve one matching step
    (`life=1`, the published choice at 1 image a class), with the network, the
    augmentations and the real batch shared. A class without a row of the shadow's in
    the batch makes no part of that step.

    Args:
      model: the family of random networks; without batch statistics.
      ipc: stored images a class.
      batch_real: real images a class and step, for all shadows together.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      lr: step size on the stored images.
      distance: a key of `DISTANCES`.
      **images: see `synthetic`.

    Returns:
      A `Joint`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    keep_apart(model)
    learner = synthetic(ipc=ipc, lr=lr, **images)

    def update(key, states, batch):
        net_key, augment_key, _ = jax.random.split(key, 3)
        params = model.init(net_key)
        learned = states.learned
        made, back = jax.vjp(jax.vmap(learner.decode), learned.theta)

        def of_class(key, images, weights, label, made_images, made_labels):
            real = shadow_gradients(model, params, augment(key, images), label, weights)

            def term(images, labels, real, found):
                ones = jnp.ones(len(images))
                changed = augment(key, images)
                ours = mean_gradient(model, params, changed, labels, ones)
                return found * DISTANCES[distance](ours, real)

            found = (weights.sum(1) > 0).astype(jnp.float32)
            pull = jax.value_and_grad(term, (0, 1))
            return each(pull, made_images, made_labels, real, found)

        classes = batch.weights.shape[1]
        by_class = lambda a: a.swapaxes(0, 1)
        terms, grads = each(
            of_class,
            jax.random.split(augment_key, classes),
            batch.images,
            by_class(batch.weights),
            jnp.eye(classes),
            by_class(made.images),
            by_class(made.labels),
        )
        of_made = made._replace(
            images=by_class(grads[0]),
            labels=by_class(grads[1]),
            lr=jnp.zeros_like(made.lr),
        )
        learned = jax.vmap(learner.descend)(learned, back(of_made)[0])
        return states._replace(learned=learned), {"loss": terms.sum(0).mean()}

    return Joint(sample_for_all(batch_real), update)


def shadow_condensation(model: Model, *, augment: Callable = unchanged, **kw) -> Joint:
    """The same without augmentation, whatever is given: the joint form of DC."""
    return shadow_siamese_condensation(model, **kw)
