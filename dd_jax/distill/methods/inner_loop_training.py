"""Inner-loop training of the networks that synthetic images are matched on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.data.cutmix import cutmix
from dd_jax.distill.base import Real
from dd_jax.runtime.reuse import reused
from dd_jax.train import Trainer, trainer
from dd_jax.train.training import FitState, unchanged
from dd_jax.types import Array, Key, Model, SyntheticSet


class InnerLoop(NamedTuple):
    """Training of one network after another between outer steps.

    Attributes:
      outer_steps: outer steps with one network, before a fresh one replaces it.
      init: `key -> FitState`.
      sample: `(key, Real) -> batch` of real images to learn from.
      train: `(key, FitState, SyntheticSet, batch, last) -> FitState`, between two
        outer steps; `last bool[]` says that the network is not needed again.
    """

    outer_steps: int
    init: Callable[[Key], FitState]
    sample: Callable[[Key, Real], Any]
    train: Callable[..., FitState]


def _epochs(one: Trainer, key, fit, images, labels, epochs, lr) -> FitState:
    rows = jnp.arange(len(images))
    return one.advance(key, fit, images, labels, rows, lr, epochs, 0, epochs)[0]


@reused
def on_synthetic(
    model: Model,
    *,
    outer_steps: int,
    epochs: int,
    lr: float = 0.01,
    batch: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
) -> InnerLoop:
    """Training on the synthetic set, by plain gradient descent.

    Zhao, Mopuri and Bilen (2021), alg. 1: the inner loop.

    Args:
      model: the family of networks.
      outer_steps: number of outer steps with one network.
      epochs: epochs on the synthetic set between two of them.
      lr: learning rate.
      batch: images a step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`.
    """
    one = trainer(
        model,
        batch=batch,
        momentum=0.0,
        weight_decay=0.0,
        decay="none",
        augment=augment,
    )

    def train(key, fit, synthetic_batch: SyntheticSet, _, last):
        count = jnp.where(last, 0, epochs)
        return _epochs(
            one, key, fit, synthetic_batch.images, synthetic_batch.labels, count, lr
        )

    return InnerLoop(outer_steps, one.init, lambda key, real: (), train)


@reused
def on_real(
    model: Model,
    *,
    outer_steps: int,
    steps: int,
    lr: float = 0.01,
    batch: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    mixed: float = 0.5,
) -> InnerLoop:
    """Training on real images, with momentum, weight decay and CutMix.

    Kim et al. (2022), IDC, section 4.

    Args:
      model: the family of networks.
      outer_steps: number of outer steps with one network.
      steps: training steps between two of them.
      lr: learning rate.
      batch: images a step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`.
      mixed: share of the batches that CutMix mixes.
    """
    one = trainer(model, batch=batch, decay="none", augment=augment, mix=cutmix(mixed))

    def sample(key: Key, real: Real):
        class_key, row_key = jax.random.split(key)
        counts, size = jnp.asarray(real.counts), (steps * batch,)
        classes = jax.random.categorical(class_key, jnp.log(counts), shape=size)
        at = jax.random.randint(row_key, size, 0, counts[classes])
        return jnp.asarray(real.images)[jnp.asarray(real.rows)[classes, at]], classes

    def train(key, fit, synthetic_batch: SyntheticSet, drawn, last):
        images, classes = drawn
        labels = jax.nn.one_hot(classes, synthetic_batch.labels.shape[-1])
        return _epochs(one, key, fit, images, labels, jnp.where(last, 0, 1), lr)

    return InnerLoop(outer_steps, one.init, sample, train)
