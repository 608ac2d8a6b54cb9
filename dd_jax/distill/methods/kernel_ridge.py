"""Kernel ridge matching: synthetic images that a linear fit of features learns from."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from dd_jax.distill.base import Batch, Method, Real, draw
from dd_jax.distill.methods.distribution_matching import embed, learned_features
from dd_jax.distill.methods.inner_loop_training import on_synthetic
from dd_jax.distill.parametrisation.protocol import LearnerState, flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.split_work import split_map
from dd_jax.train.training import FitState, unchanged
from dd_jax.types import Array, Key, Model


class FRePoState(NamedTuple):
    """What is learned, a pool of networks, and the outer steps that have used each."""

    learned: LearnerState
    pool: FitState
    steps_used: Array


def ridge_predictions(
    support: Array, targets: Array, queries: Array, ridge: float
) -> Array:
    """Kernel ridge regression with the linear kernel of features.

    `K_qs (K_ss + ridge tr(K_ss) / m I)^-1 y`, with `K = phi phi^T`.

    Args:
      support: features `f32[m d]`.
      targets: `f32[m k]`.
      queries: features `f32[n d]`.
      ridge: share of the mean diagonal that is added to it.

    Returns:
      `f32[n k]`.

    >>> x = jnp.array([[1.0, 0.0], [0.0, 2.0]])
    >>> ridge_predictions(x, jnp.eye(2), x, 1e-6).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    chex.assert_rank([support, targets, queries], 2)
    chex.assert_equal_shape_prefix([support, targets], 1)
    kernel = support @ support.T
    m = len(kernel)
    kernel = kernel + ridge * jnp.trace(kernel) / m * jnp.eye(m)
    return queries @ support.T @ jnp.linalg.solve(kernel, targets)


def regression_loss(
    support: Array, labels: Array, queries: Array, weights: Array, ridge: float
) -> Array:
    """Weighted mean of `|| y_i - f(phi(x_i)) ||^2 / 2`, labels centred by 1/k.

    Args:
      support: features of the synthetic images, `f32[m d]`.
      labels: theirs, probabilities `f32[m k]`.
      queries: features of the real images, `f32[k*b d]`, class by class.
      weights: of the real images, `f32[k b]`.
      ridge: see `ridge_predictions`.
    """
    classes, size = weights.shape
    truth = jnp.repeat(jnp.eye(classes), size, 0) - 1 / classes
    fitted = ridge_predictions(support, labels - 1 / classes, queries, ridge)
    errors = jnp.square(fitted - truth).sum(1)
    return jnp.vdot(weights.ravel(), errors) / weights.sum() / 2


@reused
@passes_on(synthetic, "space", "clamp", "optimizer", "momentum", "lr_lr")
def kernel_ridge(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment_net: Callable[[Key, Array], Array] = unchanged,
    lr: float = 0.01,
    lr_labels: float = 0.01,
    pool: int = 10,
    outer_steps: int = 100,
    ridge: float = 1e-3,
    **images,
) -> Method:
    """Neural feature regression with a pool of networks (FRePo).

    Each update takes one network of the pool, fits the synthetic labels to its features
    phi by kernel ridge regression, and descends the squared error of that fit on real
    images, `mean_i || y_i - f(phi(x_i)) ||^2 / 2` with labels centred by 1/k. Then the
    network learns from the synthetic set for one epoch; after `outer_steps` of them
    a fresh one replaces it.

    Zhou, Nezhadarya and Ba (2022), arXiv:2206.00719, alg. 1.
    Differs from the released code in: Adam in place of LAMB, at a learning rate of
    0.01 that does not decay (published: 3e-4); networks learn by plain gradient descent
    on cross-entropy; one architecture, width and normalisation throughout (published:
    widths 128, 256, 512); ridge 1e-3 (1e-6); real images drawn by class, 64 of each
    (1024 in all); no margin term and no flipped copies of the set; labels are
    probabilities, 0.9 of the own class at the start (any numbers); with batch
    statistics each side is normalised by its own; a network of the pool sees the set
    with the augmentation of training (without), in an epoch in batches (in one step on
    at most 1000 images), and has an epoch and an update fewer. Networks on the set are
    trained by the recipe of the run (squared error by Adam).

    Args:
      model: the family of networks; its width is that of the features.
      batch_real: real images a class and step.
      augment_net: `(key, f32[n h w c]) -> f32[n h w c]` with parameters for each image,
        for the network's training.
      ipc: stored images a class.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      lr_labels: learning rate of the labels' logits; 0 keeps labels one-hot.
      pool: networks.
      outer_steps: epochs that each of them trains for.
      ridge: share of the kernel's mean diagonal that is added to it.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.
    """
    inner_loop = on_synthetic(
        model, outer_steps=outer_steps, epochs=1, augment=augment_net
    )
    learner = synthetic(
        ipc=ipc,
        init=init,
        lr=lr,
        lr_labels=lr_labels,
        optimizer="adam",
        space=model.space,
        **images,
    )

    def init(key: Key, real: Real) -> FRePoState:
        learn_key, net_key = jax.random.split(key)
        nets = jax.vmap(inner_loop.init)(jax.random.split(net_key, pool))
        steps_used = jnp.arange(pool, dtype=jnp.int32) * outer_steps // pool
        return FRePoState(learner.init(learn_key, real), nets, steps_used)

    def sample(key: Key, real: Real) -> Batch:
        return draw(key, real, batch_real)

    def update(key: Key, state: FRePoState, batch: Batch):
        pick_key, net_key, train_key = jax.random.split(key, 3)
        at = jax.random.randint(pick_key, (), 0, pool)
        net = jax.tree.map(lambda leaf: leaf[at], state.pool)
        flat = batch.images.reshape(-1, *batch.images.shape[2:])
        queries = split_map(partial(embed, model))(net.params, flat)

        def loss_fn(learned):
            synthetic_batch = flattened(learner.decode(learned))
            support = split_map(partial(learned_features, model))(
                net.params, synthetic_batch.images
            )
            return regression_loss(
                support, synthetic_batch.labels, queries, batch.weights, ridge
            )

        loss, grad = jax.value_and_grad(loss_fn)(state.learned.params)
        learned = learner.update(state.learned, grad)
        synthetic_batch = flattened(learner.decode(learned.params))
        old = state.steps_used[at] >= outer_steps
        taught = inner_loop.train(train_key, net, synthetic_batch, (), old)
        fresh = inner_loop.init(net_key)
        kept = jax.tree.map(lambda a, b: jnp.where(old, a, b), fresh, taught)
        nets = jax.tree.map(lambda all, one: all.at[at].set(one), state.pool, kept)
        steps_used = state.steps_used.at[at].set(
            jnp.where(old, 0, state.steps_used[at] + 1)
        )
        return FRePoState(learned, nets, steps_used), {"loss": loss}

    return Method(
        init,
        sample,
        update,
        lambda state: learner.read(state.learned),
        splits=not model.has_batch_stats,
    )
