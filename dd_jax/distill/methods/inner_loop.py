"""How the networks that gradients are compared on live and learn."""

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


class Practice(NamedTuple):
    """The life of one network after another.

    Attributes:
      life: matching steps before a fresh network takes over.
      init: `key -> FitState`.
      sample: `(key, Real) -> batch` of real images to learn from.
      train: `(key, FitState, SyntheticSet, batch, last) -> FitState`, between two
        matching steps; `last bool[]` says that the network is not needed again.
    """

    life: int
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
    life: int,
    epochs: int,
    lr: float = 0.01,
    batch: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
) -> Practice:
    """Networks that learn from the synthetic set, by plain gradient descent.

    Zhao, Mopuri and Bilen (2021), alg. 1: the inner loop.

    Args:
      model: the family of networks.
      life: matching steps a network.
      epochs: epochs on the synthetic set between two of them.
      lr: step size.
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

    def train(key, fit, made: SyntheticSet, _, last):
        count = jnp.where(last, 0, epochs)
        return _epochs(one, key, fit, made.images, made.labels, count, lr)

    return Practice(life, one.init, lambda key, real: (), train)


@reused
def on_real(
    model: Model,
    *,
    life: int,
    steps: int,
    lr: float = 0.01,
    batch: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    mixed: float = 0.5,
) -> Practice:
    """Networks that learn from real images, with momentum, decay and CutMix.

    Kim et al. (2022), IDC, section 4.

    Args:
      model: the family of networks.
      life: matching steps a network.
      steps: training steps between two of them.
      lr: step size.
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

    def train(key, fit, made: SyntheticSet, drawn, last):
        images, classes = drawn
        labels = jax.nn.one_hot(classes, made.labels.shape[-1])
        return _epochs(one, key, fit, images, labels, jnp.where(last, 0, 1), lr)

    return Practice(life, one.init, sample, train)
