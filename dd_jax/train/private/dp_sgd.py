"""DP-SGD: gradient descent by clipped gradients of single rows, summed with noise."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.train.losses import cross_entropy
from dd_jax.train.private import clipping
from dd_jax.train.training import FitState, Trainer, as_pixels
from dd_jax.types import Array, Key, Model, Params

_AT_ONCE, _ON_CPU = 64, 16  # rows whose gradients are alive at once
_RARE = 40.0  # minus the logarithm of the chance that a batch is cut


def steps_an_epoch(sampling: float) -> int:
    """Steps in which each row is expected once, `round(1 / q)`.

    >>> steps_an_epoch(0.3), steps_an_epoch(1.0)
    (3, 1)
    """
    return round(1 / sampling)


def capacity(rows: int, sampling: float) -> int:
    """How many rows a Poisson batch has room for, a multiple of 64.

    By the inequality of Bernstein (1924), a batch is larger than
    `q n + L / 3 + sqrt(L^2 / 9 + 2 L q (1 - q) n)` with a chance below `exp(-L)`;
    L = 40, so below 1e-17 for each step, which adds as much to delta.

    >>> capacity(60000, 256 / 60000), capacity(100, 1.0)
    (448, 128)
    """
    mean, spread = sampling * rows, sampling * (1 - sampling) * rows
    above = _RARE / 3 + math.sqrt(_RARE**2 / 9 + 2 * _RARE * spread)
    return -(-min(math.ceil(mean + above), rows) // _AT_ONCE) * _AT_ONCE


def poisson_batch(key: Key, rows: int, sampling: float) -> tuple[Array, Array]:
    """Takes each row with the same probability, on its own.

    Args:
      key: of the draw.
      rows: n.
      sampling: q.

    Returns:
      `(places i32[c], present bool[c])` with the c of `capacity`: the rows drawn, then
      fillers that are not present.
    """
    drawn, room = jax.random.bernoulli(key, sampling, (rows,)), capacity(rows, sampling)
    places = jnp.nonzero(drawn, size=room, fill_value=0)[0]
    return places, jnp.arange(room) < drawn.sum()


@reused
def private_trainer(
    model: Model, *, clip: float, noise_multiplier: float, sampling: float
) -> Trainer:
    """Differentially private stochastic gradient descent.

    `p <- p - lr (sum_{i in B} g_i min(1, C / ||g_i||) + s C N(0, I)) / (q n)` on
    Poisson batches B, with the gradient g_i of the cross-entropy of row i. An epoch has
    `steps_an_epoch` steps. The learning rate is constant, so that the state after some
    epochs is that of a training of as many.

    Abadi et al. (2016), "Deep learning with differential privacy", alg. 1; constant
    learning rate and no momentum as De et al. (2022), arXiv:2204.13650.
    Differs from these in: no augmentation, no average of parameters, no weight decay.
    Here the noise follows from the key: to publish the network the key must be secret.

    Args:
      model: the network, without batch statistics.
      clip: C, the largest L2 norm of the gradient of one row, over all parameters.
      noise_multiplier: s.
      sampling: q.

    Returns:
      A `Trainer`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics, or jax-privacy is missing.
    """
    clipping.require_rows_apart(model)

    def loss(trainable, params, image, label):
        kept = model.with_trainable(params, trainable)
        return cross_entropy(model.train_apply(kept, image)[0][0], label[0])

    clipped_grad = partial(
        clipping.require().clipped_grad,
        loss,
        l2_clip_norm=clip,
        batch_argnums=(2, 3),
        return_values=True,
    )

    def init(key):
        return FitState(model.init(key), ())

    def step(key, params, images, labels, idx, lr):
        batch_key, noise_key = jax.random.split(key)
        at_once = _ON_CPU if in_turn() else _AT_ONCE
        drawn = poisson_batch(batch_key, len(idx), sampling)
        places, present = (_fillers_in_last_microbatches(a, at_once) for a in drawn)
        rows, trainable = idx[places], model.trainable(params)
        total, found = clipped_grad(microbatch_size=at_once)(
            *(trainable, params, as_pixels(images[rows]), labels[rows]),
            is_padding_example=~present,
        )
        noise = gaussian(noise_key, total)
        rate = lr / (sampling * len(idx))
        descend = lambda p, g, z: p - rate * (g + noise_multiplier * clip * z)
        trainable = jax.tree.map(descend, trainable, total, noise)
        mean_loss = jnp.vdot(present, found.values) / jnp.maximum(present.sum(), 1)
        return model.with_trainable(params, trainable), mean_loss

    def advance(key, state, images, labels, idx, lr, epochs, first, last):
        each = steps_an_epoch(sampling)

        def body(i, carry):
            params, total = carry
            params, loss = step(
                jax.random.fold_in(key, i), params, images, labels, idx, lr
            )
            return params, total + loss

        steps, start = (first * each, last * each), (state.params, jnp.float32(0))
        params, total = lax.fori_loop(*steps, body, start)
        mean_loss = total / jnp.maximum((last - first) * each, 1)
        return state._replace(params=params), mean_loss

    return Trainer(init, advance, model.trainable)


def gaussian(key: Key, like: Params) -> Params:
    """Independent standard normal numbers in the place of every number of a pytree."""
    leaves, kind = jax.tree.flatten(like)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves)]
    return jax.tree.unflatten(kind, drawn)


def _fillers_in_last_microbatches(rows: Array, at_once: int) -> Array:
    """Rows in the order in which jax-privacy skips microbatches of fillers alone.

    It takes every k-th of k microbatches together.
    """
    return rows.reshape(-1, at_once).T.ravel()
