"""Labels and training step size that are learned with the images."""

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
        theta = base.init(key, real)
        hard = base.decode(theta).labels
        lead = math.log(_START * (hard.shape[-1] - 1) / (1 - _START))
        return theta | {"logits": lead * hard}

    def decode(theta) -> SyntheticSet:
        made = base.decode(theta)
        return made._replace(labels=jax.nn.softmax(theta["logits"]))

    optimizers = base.optimizers | {"logits": descent}
    return Parametrisation(start, decode, optimizers)


def learned_rate(
    base: Parametrisation, descent: optax.GradientTransformation
) -> Parametrisation:
    """A step size for training on the set, learned as its logarithm: `exp(log_rate)`.

    Args:
      base: gives the step size to start from.
      descent: how the logarithm descends.
    """

    def start(key, real):
        theta = base.init(key, real)
        return theta | {"log_rate": jnp.log(base.decode(theta).lr)}

    def decode(theta) -> SyntheticSet:
        return base.decode(theta)._replace(lr=jnp.exp(theta["log_rate"]))

    optimizers = base.optimizers | {"log_rate": descent}
    return Parametrisation(start, decode, optimizers)
