"""Gradients of private rows, as they leave them: clipped, summed, with noise."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.train.losses import cross_entropy
from dd_jax.train.private import clipping
from dd_jax.train.private.gaussian_noise import gaussian
from dd_jax.train.private.poisson import STEP, poisson_batch
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, Key, Model, Params

_ON_CPU = 16  # rows whose gradients are alive at once; elsewhere STEP

Views = Callable[[Key, Array], Array]  # (key, f32[1 h w c]) -> f32[v h w c]


class Rows(NamedTuple):
    """Private rows.

    Attributes:
      images: `u8[n h w c]` or `f32`, of which `at` says which are used.
      at: `i32[m]`.
      labels: `f32[m k]`, of the rows `at`.
      present: `bool[m]`; the others are fillers.
    """

    images: Array
    at: Array
    labels: Array
    present: Array


@reused
def noisy_gradient(
    model: Model,
    *,
    clip: float,
    noise_multiplier: float,
    sampling: float,
    views: Views | None = None,
) -> Callable[[Key, Params, Rows], tuple[Params, Array]]:
    """The gradient of a Poisson batch of private rows, released with noise.

    `(sum_{i in B} g_i min(1, C / ||g_i||) + s C N(0, I)) / (q n)`, with the gradient
    g_i of the cross-entropy of row i, averaged over its views. Where a row contributes
    nothing, the sum changes by at most C in L2 norm, however many views it has.

    Abadi et al. (2016), "Deep learning with differential privacy", alg. 1; views as the
    augmentation multiplicity of De et al. (2022), arXiv:2204.13650.

    Args:
      model: the network, without batch statistics.
      clip: C, the largest L2 norm of the gradient of one row, over all parameters.
      noise_multiplier: s.
      sampling: q.
      views: what the network sees of a row; default the row as it is.

    Returns:
      `(key, params, rows) -> (gradient, loss)`: a gradient like
      `model.trainable(params)`, and the mean cross-entropy of the batch, which is no
      release; the same arguments give the same function. A key gives batch and noise:
      who knows it can take the noise away.

    Raises:
      InputError: a model with batch statistics, or jax-privacy is missing.
    """
    clipping.require_rows_apart(model)

    def loss(trainable, params, image, label, seed):
        kept = model.with_trainable(params, trainable)
        if views:
            image = views(jax.random.wrap_key_data(seed[0]), image)
        logits = model.train_apply(kept, image)[0]
        return jax.vmap(cross_entropy, (0, None))(logits, label[0]).mean()

    clipped_grad = partial(
        clipping.require().clipped_grad,
        loss,
        l2_clip_norm=clip,
        batch_argnums=(2, 3, 4),
        return_values=True,
    )

    def released(key, params, rows):
        at_once = _ON_CPU if in_turn() else STEP

        def total_of(*batch):
            places, drawn = (_fillers_in_last_microbatches(a, at_once) for a in batch)
            images = as_pixels(rows.images[rows.at[places]])
            seeds = jax.random.key_data(stack(named(key, "views"), len(places)))
            total, found = clipped_grad(microbatch_size=at_once)(
                *(model.trainable(params), params, images, rows.labels[places], seeds),
                is_padding_example=~drawn,
            )
            mean_loss = jnp.vdot(drawn, found.values) / jnp.maximum(drawn.sum(), 1)
            return total, mean_loss

        scale = noise_multiplier * clip
        noisy, mean_loss = noisy_sum(key, rows.present, sampling, scale, total_of)
        expected = sampling * rows.present.sum()
        gradient = jax.tree.map(lambda g: g / expected, noisy)
        return gradient, mean_loss

    return released


def noisy_sum(
    key: Key,
    present: Array,
    sampling: float,
    scale: float,
    total_of: Callable[[Array, Array], tuple[Params, Any]],
) -> tuple[Params, Any]:
    """A sum over a Poisson batch of rows, with noise.

    Args:
      key: of batch and noise.
      present: `bool[m]`, the rows to draw from.
      sampling: q.
      scale: standard deviation of the noise.
      total_of: `(places, drawn) -> (sum, other)`, see `poisson_batch`.

    Returns:
      The sum with noise, and what else `total_of` gives, without.
    """
    batch_key, noise_key = jax.random.split(key)
    total, other = total_of(*poisson_batch(batch_key, present, sampling))
    return with_noise(noise_key, total, scale), other


def with_noise(key: Key, total: Params, scale: float) -> Params:
    """Adds `scale N(0, I)`, independent for every number of a pytree."""
    leaves, kind = jax.tree.flatten(total)
    keys = jax.random.split(key, len(leaves))
    noisy = [leaf + scale * gaussian(k, leaf.shape) for k, leaf in zip(keys, leaves)]
    return jax.tree.unflatten(kind, noisy)


def _fillers_in_last_microbatches(rows: Array, at_once: int) -> Array:
    """Rows in the order in which jax-privacy skips microbatches of fillers alone.

    It takes every k-th of k microbatches together.
    """
    return rows.reshape(-1, at_once).T.ravel()
