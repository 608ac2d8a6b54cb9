"""What networks on the full data say of its rows while they learn."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from dd_jax.audits.controls.row_scores import forgetting, gradient_norms
from dd_jax.audits.privacy.el2n import el2n
from dd_jax.train.evaluate import features_of_each, logits_of_each
from dd_jax.types import Model, Params, Split

_HALVINGS = 5  # of the epochs: teachers after 1/32, 1/16, ... and all of them

Watch = Callable[[Params, int, int], None]


class Learned(NamedTuple):
    """What was seen of n rows.

    Attributes:
      scores: `f64[n]` by name: `el2n`, `grand`, `forgetting`.
      features: `f32[n d]` of the first network after its last epoch.
      teachers: `f32[n k]` by epoch, as text, the probabilities that the first network
        gives.
    """

    scores: dict[str, np.ndarray]
    features: np.ndarray
    teachers: dict[str, np.ndarray]


def teacher_epochs(epochs: int) -> list[int]:
    """After how many epochs a network may teach.

    >>> teacher_epochs(60)
    [2, 4, 8, 15, 30, 60]
    """
    return sorted({-(-epochs // 2**i) for i in range(_HALVINGS + 1)})


def learned(
    learn: Callable[[Watch], Params], model: Model, rows: Split, gradients: bool
) -> Learned:
    """Trains networks on some rows and watches them on the same rows.

    EL2N and GraNd are of a tenth of the epochs, as published.

    Args:
      learn: trains networks and shows `(params, epoch, epochs)` to what it is given.
      model: the architecture.
      rows: that they learn from.
      gradients: whether GraNd is wanted, which costs as much as an epoch.
    """
    images, labels, _ = rows
    correct, scores, teachers, features = [], {}, {}, []

    def watch(params: Params, epoch: int, epochs: int) -> None:
        if not epoch:
            return
        logits = np.asarray(logits_of_each(model, params, images), np.float32)
        correct.append(logits.argmax(-1) == labels)
        if epoch == -(-epochs // 10):
            scores["el2n"] = el2n(logits, labels)
            if gradients:
                scores["grand"] = gradient_norms(model, params, images, labels)
        if epoch in teacher_epochs(epochs):
            teachers[str(epoch)] = np.asarray(jax.nn.softmax(logits[0]))
        if epoch == epochs:
            first = jax.tree.map(lambda leaf: leaf[:1], params)
            features.append(np.asarray(features_of_each(model, first, images)[0]))

    learn(watch)
    scores["forgetting"] = forgetting(np.stack(correct))
    return Learned(scores, features[0], teachers)
