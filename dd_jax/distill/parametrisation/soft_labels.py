"""Labels and training learning rate that are learned with the images."""

import math

import jax
import jax.numpy as jnp
import optax

from dd_jax.distill.parametrisation.protocol import Parametrisation
from dd_jax.types import SyntheticSet

_START = 0.9  # probability of its own class that each label starts with


def learned_labels(
    base: Parametrisation, descent: optax.GradientTransformation
) -> Parametrisation:
    """Soft labels: `y = softmax(logits)`, learned for every decoded image.

    They start at 0.9 for the image's own class and the rest shared by the others.
    Cui et al. (2023), TESLA; Guo et al. (2024), DATM.

    Args:
      base: gives one-hot labels.
      descent: how the logits descend.
    """

    def start(key, real):
        params = base.init(key, real)
        hard = base.decode(params).labels
        lead = math.log(_START * (hard.shape[-1] - 1) / (1 - _START))
        return params | {"logits": lead * hard}

    def decode(params) -> SyntheticSet:
        synthetic_batch = base.decode(params)
        return synthetic_batch._replace(labels=jax.nn.softmax(params["logits"]))

    optimizers = base.optimizers | {"logits": descent}
    return base._replace(init=start, decode=decode, optimizers=optimizers, soft=True)


def learned_lr(
    base: Parametrisation, descent: optax.GradientTransformation
) -> Parametrisation:
    """A learning rate for training on the set, learned as its logarithm: `exp(log_lr)`.

    Args:
      base: gives the learning rate to start from.
      descent: how the logarithm descends.
    """

    def start(key, real):
        params = base.init(key, real)
        return params | {"log_lr": jnp.log(base.decode(params).lr)}

    def decode(params) -> SyntheticSet:
        return base.decode(params)._replace(lr=jnp.exp(params["log_lr"]))

    optimizers = base.optimizers | {"log_lr": descent}
    return base._replace(init=start, decode=decode, optimizers=optimizers)
