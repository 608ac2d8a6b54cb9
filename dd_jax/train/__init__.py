"""Training and evaluation of networks."""

from dd_jax.train.adversarial import adversary
from dd_jax.train.evaluate import logits, predictions
from dd_jax.train.networks import accuracy, augmentation, train
from dd_jax.train.training import Trainer, fit, trainer

__all__ = [
    "Trainer",
    "accuracy",
    "adversary",
    "augmentation",
    "fit",
    "logits",
    "predictions",
    "train",
    "trainer",
]
