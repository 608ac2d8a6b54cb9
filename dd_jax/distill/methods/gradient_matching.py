"""Gradient matching: synthetic images with the gradients of the real ones."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.base import Batch, Method, Real, draw
from dd_jax.distill.loss_matching import weighed
from dd_jax.distill.methods.distances import DISTANCES
from dd_jax.distill.methods.inner_loop_training import InnerLoop
from dd_jax.distill.parametrisation.protocol import (
    Learner,
    LearnerState,
    flattened,
)
from dd_jax.runtime.device_memory import at_once
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.split_work import split_map
from dd_jax.train.curvature import Penalty
from dd_jax.train.losses import cross_entropy
from dd_jax.train.training import FitState
from dd_jax.types import Array, Key, Model, Params, SyntheticSet

_PIECE = 64  # real images differentiated at a time on CPU: activations stay in cache
_CALIBRATION = 16  # real images a class that batch statistics come from


class GradientMatchingState(NamedTuple):
    """What is learned, the network, and the outer steps that have used it."""

    learned: LearnerState
    net: FitState
    step: Array


class GradientMatchingBatch(NamedTuple):
    """Real images to match, and those of inner-loop training."""

    match: Batch
    inner_loop: tuple


def mean_gradient(
    model: Model,
    params: Params,
    images: Array,
    labels: Array,
    weights: Array,
    penalty: Penalty | None = None,
) -> Params:
    """Gradient of the weighted mean cross-entropy, batch statistics frozen.

    Args:
      model: the network.
      params: its parameters.
      images: `f32[n h w c]`.
      labels: `f32[n k]`, probabilities.
      weights: `f32[n]`.
      penalty: added to the loss of each image; see `curvature_penalty`.

    Returns:
      Gradients of `model.trainable(params)`.
    """
    chex.assert_rank([images, labels, weights], [4, 2, 1])

    def loss_fn(trainable):
        logits_fn = partial(model.apply, model.with_trainable(params, trainable))
        losses = jax.vmap(cross_entropy)(logits_fn(images), labels)
        if penalty is not None:
            losses += penalty(logits_fn, images, labels)
        return jnp.vdot(weights, losses) / weights.sum()

    return jax.grad(loss_fn)(model.trainable(params))


def _in_pieces(model, params, images, labels, weights, penalty):
    """`mean_gradient` summed over pieces; for a side that is not derived again."""
    whole = lambda batch: mean_gradient(model, params, *batch, penalty)
    batch = images, labels, weights
    size = _PIECE if in_turn() else at_once(whole, batch)
    if size >= len(images):
        return whole(batch)
    fill = -len(images) % size
    cut = lambda a: jnp.concatenate([a, a[:fill] * 0]).reshape(-1, size, *a.shape[1:])

    zero = jax.tree.map(jnp.zeros_like, model.trainable(params))

    def add(total, piece):
        share = piece[2].sum() / weights.sum()
        part = lax.cond(share > 0, whole, lambda _: zero, piece)  # fillers have no mean
        return jax.tree.map(lambda t, g: t + share * g, total, part), None

    return lax.scan(add, zero, jax.tree.map(cut, batch))[0]


def _in_turn(fun: Callable, *stacked):
    """`vmap(fun)(*stacked)`, one after another.

    On accelerators too: in one batch, the weight gradients of classes are one grouped
    convolution each, with which a step takes 1.7 times as long on an H100.
    """
    return lax.map(lambda one: fun(*one), stacked)


def with_batch_statistics(model: Model, params: Params, batch: Batch) -> Params:
    """Parameters whose batch statistics have seen a few real images of each class."""
    if not model.has_batch_stats:
        return params
    few = batch.images[:, :_CALIBRATION]
    return params | model.train_apply(params, few.reshape(-1, *few.shape[2:]))[1]


def reset_if_new(
    inner_loop: InnerLoop, key: Key, net: FitState, step: Array
) -> FitState:
    """The network of this step: a fresh one at step 0, else the one that there is."""
    fresh = inner_loop.init(key)
    return jax.tree.map(lambda a, b: jnp.where(step == 0, a, b), fresh, net)


def advance(
    inner_loop: InnerLoop,
    key: Key,
    net: FitState,
    step: Array,
    synthetic_batch: SyntheticSet,
    drawn: tuple,
) -> tuple[FitState, Array]:
    """The network after its inner-loop training, and its next outer step."""
    last = step == inner_loop.outer_steps - 1
    net = inner_loop.train(key, net, synthetic_batch, drawn, last)
    return net, jnp.where(last, 0, step + 1)


def match_gradients(
    model: Model,
    learner: Learner,
    inner_loop: InnerLoop,
    *,
    distance: str,
    batch_real: int,
    augment: Callable[[Key, Array], Array],
    penalty: Penalty | None = None,
) -> Method:
    """Matches gradients class by class on networks that are trained in between.

    Each update descends `sum_c D(grad L(A_c(s_c); w), grad L(A_c(x_c); w))`, with one
    augmentation A_c for both sides of class c. Several devices share the classes, so
    that gradients of networks stay where they are, and the batches of inner-loop
    training; with batch statistics one device does all. A penalty is of the real side
    alone: the set is to train networks as if they had it. Where several means of a
    class are matched, its real batch takes a pass for each, on CPU without the pieces
    that have no part in it.
    """

    def init(key: Key, real: Real) -> GradientMatchingState:
        learn_key, net_key = jax.random.split(key)
        return GradientMatchingState(
            learner.init(learn_key, real), inner_loop.init(net_key), jnp.int32(0)
        )

    def sample(key: Key, real: Real) -> GradientMatchingBatch:
        match_key, inner_loop_key = jax.random.split(key)
        return GradientMatchingBatch(
            draw(match_key, real, batch_real), inner_loop.sample(inner_loop_key, real)
        )

    def match_classes(params, keys, real, classes, images, labels):
        """Loss `f32[k]` of some classes and its terms, and their gradients."""
        several = real.weights.ndim == 3
        of_each = lambda fun, means: lax.map(fun, means) if several else fun(means)

        def pull_of_class(key, images, weights, label):
            labels = jnp.broadcast_to(label, (len(images), len(label)))
            images = augment(key, images)
            pull = lambda weights: _in_pieces(
                model, params, images, labels, weights, penalty
            )
            return of_each(pull, weights)

        def loss_of_class(key, images, labels, real, importance):
            ones = jnp.ones(len(images))
            ours = mean_gradient(model, params, augment(key, images), labels, ones)
            terms = of_each(partial(DISTANCES[distance], ours), real)
            return weighed(terms, importance), terms

        targets = _in_turn(pull_of_class, keys, real.images, real.weights, classes)
        pull_and_gradient = jax.value_and_grad(loss_of_class, (1, 2), has_aux=True)
        return _in_turn(
            pull_and_gradient, keys, images, labels, targets, real.importance
        )

    def loss_and_gradient(key, learned, params, batch):
        keys = jax.random.split(key, len(batch.weights))
        synthetic_batch, back = jax.vjp(learner.decode, learned)
        (losses, terms), grads = split_map(match_classes)(
            params,
            keys,
            batch,
            jnp.eye(len(keys)),
            synthetic_batch.images,
            synthetic_batch.labels,
        )
        cotangent = synthetic_batch._replace(
            images=grads[0], labels=grads[1], lr=jnp.zeros_like(synthetic_batch.lr)
        )
        return {"loss": losses.sum(), "terms": terms}, back(cotangent)[0]

    def update(key, state: GradientMatchingState, batch: GradientMatchingBatch):
        net_key, match_key, train_key = jax.random.split(key, 3)
        net = reset_if_new(inner_loop, net_key, state.net, state.step)
        net = net._replace(params=with_batch_statistics(model, net.params, batch.match))
        info, grad = loss_and_gradient(
            match_key, state.learned.params, net.params, batch.match
        )
        learned = learner.update(state.learned, grad)
        synthetic_batch = flattened(learner.decode(learned.params))
        net, step = advance(
            inner_loop, train_key, net, state.step, synthetic_batch, batch.inner_loop
        )
        return GradientMatchingState(learned, net, step), info

    return Method(
        init,
        sample,
        update,
        lambda state: learner.read(state.learned),
        splits=not model.has_batch_stats,
    )
