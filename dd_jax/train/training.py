"""Training of one network as a pure function of a key and the rows to learn from."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.runtime.reuse import reused
from dd_jax.runtime.split_work import split_sum
from dd_jax.train.curvature import Penalty
from dd_jax.train.losses import cross_entropy
from dd_jax.train.recipe import DECAYS, batches
from dd_jax.train.views import view
from dd_jax.types import Array, Key, Model, Params

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


class FitState(NamedTuple):
    """Parameters and the state of the gradient descent on their trainable part."""

    params: Params
    opt: optax.OptState


class Trainer(NamedTuple):
    """Stochastic gradient descent in pieces.

    Attributes:
      init: `key -> FitState`.
      advance: `(key, state, images, labels, idx, lr, epochs, first, last, views=None)
        -> (state, loss)`: epochs first..last-1 of a schedule of `epochs`, and the mean
        loss over them. Any division of the epochs into calls gives the same bits. With
        `views f32[v n k]`, epoch e sees view e mod v of the images, with its labels, in
        place of augmentation.
      trainable: `params -> pytree` of the weights, as the model's.
      splits: whether several devices can share the rows of each batch.
    """

    init: Callable[..., FitState]
    advance: Callable[..., tuple[FitState, Array]]
    trainable: Callable[[Params], Params]
    splits: bool = False


def as_pixels(images: Array) -> Array:
    """Images as `f32` in [0, 1], whether they come as `u8` or as `f32` already."""
    return images / jnp.float32(255) if images.dtype == jnp.uint8 else images


def unchanged(key: Key, images: Array) -> Array:
    """No augmentation."""
    return images


def unmixed(key: Key, images: Array, labels: Array) -> tuple[Array, Array]:
    """No mixing of examples."""
    return images, labels


def sgd(momentum: float, weight_decay: float) -> optax.GradientTransformation:
    """`m <- momentum m + g + weight_decay p`, whose update is m.

    The learning rate is applied by the schedule: `p <- p - lr m`.
    """
    return optax.chain(
        optax.add_decayed_weights(weight_decay) if weight_decay else optax.identity(),
        optax.trace(momentum) if momentum else optax.identity(),
    )


@reused
def trainer(
    model: Model,
    *,
    batch: int = 256,
    momentum: float = MOMENTUM,
    weight_decay: float = WEIGHT_DECAY,
    decay: str = "half",
    augment: Callable[[Key, Array], Array] = unchanged,
    mix: Callable[[Key, Array, Array], tuple[Array, Array]] = unmixed,
    perturb: Callable[[Key, Params, Array, Array], Array] | None = None,
    penalty: Penalty | None = None,
) -> Trainer:
    """The evaluation recipe of the distillation literature.

    Cross-entropy; `m <- momentum m + g + weight_decay p`, `p <- p - lr m`, with the
    learning rate of `DECAYS`. An epoch visits every row once in random order; the last
    batch may be smaller.

    Several devices share the rows of a batch, once these are augmented, mixed and
    perturbed, and add up their gradients; not with batch statistics, which are of all
    rows.

    Zhao, Mopuri and Bilen (2021), DC/DSA/DM evaluation; `thirds` Kim et al. (2022).
    Differs from the released code in: exactly `epochs` epochs, not one more.

    Args:
      model: the network.
      batch: rows a step.
      momentum: decay of the running gradient sum.
      weight_decay: L2 penalty's coefficient, on all trainable parameters.
      decay: a key of `DECAYS`.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, applied to each batch.
      mix: `(key, images, labels f32[n k]) -> (images, labels)`, applied after that.
      perturb: `(key, params, f32[n h w c], f32[n k]) -> f32[n h w c]`, applied to each
        augmented batch, with the parameters of that step; see `adversary`.
      penalty: added to the loss of each row; see `curvature_penalty`.

    Returns:
      A `Trainer`; the same arguments give the same object.
    """
    descent = sgd(momentum, weight_decay)
    splits = not model.has_batch_stats

    def init(key):
        params = model.init(key)
        return FitState(params, descent.init(model.trainable(params)))

    def prepared(key, params, images, labels, augment):
        augment_key, mix_key, perturb_key = jax.random.split(key, 3)
        images, labels = mix(mix_key, augment(augment_key, images), labels)
        if perturb is not None:
            images = perturb(perturb_key, params, images, labels)
        return images, labels

    def gradient(shared, weights, images, labels):
        params, total = shared

        def loss_fn(trainable):
            kept = model.with_trainable(params, trainable)
            logits, statistics = model.train_apply(kept, images)
            losses = jax.vmap(cross_entropy)(logits, labels)
            if penalty is not None:
                losses += penalty(partial(model.apply, kept), images, labels)
            return jnp.vdot(weights, losses) / total, statistics

        return jax.value_and_grad(loss_fn, has_aux=True)(model.trainable(params))

    def step(state, images, labels, weights, lr):
        trainable = model.trainable(state.params)
        (loss, statistics), grads = (split_sum(gradient) if splits else gradient)(
            (state.params, weights.sum()), weights, images, labels
        )
        updates, opt = descent.update(grads, state.opt, trainable)
        trainable = optax.apply_updates(trainable, optax.tree.scale(-lr, updates))
        params = model.with_trainable(state.params, trainable)
        return FitState(params | statistics, opt), loss

    def epoch(key, state, images, labels, augment, idx, lr):
        rows = len(idx)
        size, steps = batches(rows, batch)
        order_key, steps_key = jax.random.split(key)
        order = jax.random.permutation(order_key, idx)
        fill = steps * size - rows
        order = jnp.concatenate([order, order[:fill]]).reshape(steps, size)
        present = (jnp.arange(steps * size) < rows).reshape(steps, size)

        def body(state, at):
            chosen, weights, key = at
            raw = as_pixels(images[chosen]), labels[chosen]
            x, y = prepared(key, state.params, *raw, augment)
            return step(state, x, y, weights.astype(jnp.float32), lr)

        keys = jax.random.split(steps_key, steps)
        state, losses = lax.scan(body, state, (order, present, keys))
        return state, losses.mean()

    def advance(key, state, images, labels, idx, lr, epochs, first, last, views=None):
        def seen(i):
            if views is None:
                return images, labels, augment
            return *view(augment, as_pixels(images), views, i), unchanged

        def body(i, carry):
            state, total = carry
            scale, keep = DECAYS[decay](i, epochs)
            opt = jax.tree.map(lambda m: keep * m, state.opt)  # momentum is all of it
            state = state._replace(opt=opt)
            state, loss = epoch(
                jax.random.fold_in(key, i), state, *seen(i), idx, scale * lr
            )
            return state, total + loss

        state, total = lax.fori_loop(first, last, body, (state, jnp.float32(0)))
        return state, total / jnp.maximum(last - first, 1)

    return Trainer(init, advance, model.trainable, splits)


def fit(
    key: Key,
    model: Model,
    images: Array,
    labels: Array,
    idx: Array | None = None,
    *,
    epochs: int | Array,
    lr: float | Array = 0.01,
    batch: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    perturb: Callable[[Key, Params, Array, Array], Array] | None = None,
) -> Params:
    """Trains one network from its random start: `trainer`, all epochs in one call.

    Args:
      key: decides start, order and augmentation.
      model: the network.
      images: `u8` or `f32` in [0, 1], `[n h w c]`.
      labels: classes `i32[n]` or probabilities `f32[n k]`.
      idx: rows to learn from, `i32[m]`; default all.
      epochs: length of the schedule.
      lr: learning rate.
      batch: rows a step.
      augment: see `trainer`.
      perturb: see `trainer`.

    Returns:
      The parameters after the last epoch.
    """
    chex.assert_rank([images, labels], [4, {1, 2}])
    chex.assert_equal_shape_prefix([images, labels], 1)
    rows = jnp.arange(len(images)) if idx is None else idx
    chex.assert_rank(rows, 1)
    one = trainer(model, batch=batch, augment=augment, perturb=perturb)
    return _fit_program(model, one)(key, images, labels, rows, epochs, lr)


@reused
def _fit_program(model: Model, one: Trainer) -> Callable[..., Params]:
    @jax.jit
    def run(key, images, labels, rows, epochs, lr):
        init_key, fit_key = jax.random.split(key)
        state = one.init(init_key)
        if labels.ndim == 1:
            logits = jax.eval_shape(model.apply, state.params, as_pixels(images[:1]))
            labels = jax.nn.one_hot(labels, logits.shape[-1])
        arrays = state, images, labels, rows
        return one.advance(fit_key, *arrays, lr, epochs, 0, epochs)[0].params

    return run
