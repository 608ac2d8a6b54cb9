"""Labels of a teacher: what a network trained on the real rows says of a set."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill.base import Experts
from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.set_size import PROBABILITY
from dd_jax.runtime.device_memory import in_batches
from dd_jax.runtime.reuse import reused
from dd_jax.train.views import augmented
from dd_jax.types import Array, Key, Model, SyntheticSet

_BATCH = 64  # images that are labelled at a time on CPU


class Teacher(NamedTuple):
    """What gives sets their labels once they are distilled.

    Attributes:
      network: how it is trained, on the rows that the set is distilled from.
      label: `(weights f16[s p], SyntheticSet[s]) -> SyntheticSet[s]`.
    """

    network: Experts
    label: Callable[[Array, SyntheticSet], SyntheticSet]


def views_within(budget: int, images: int, classes: int) -> int:
    """How many views of all images have labels that fit into a budget.

    Args:
      budget: bytes.
      images: m.
      classes: k, four bytes each.

    >>> views_within(1000, 10, 10), views_within(399, 10, 10)
    (2, 0)
    """
    return budget // (PROBABILITY * images * classes)


@reused
def teacher(
    model: Model,
    network: Experts,
    augment: Callable[[Key, Array], Array],
    budget: int = 0,
    epochs: int = 1,
) -> Teacher:
    """A teacher's labels, one for each image or for each of its augmented views.

    `y = softmax(f_T(x))`, or `y_v = softmax(f_T(A(key_v, x)))` for as many views v as
    the budget allows; the label of an image is then their mean.

    Args:
      model: the architecture of the teacher.
      network: how it is trained; one expert, after one epoch of its path.
      augment: that of training on the set; see `train.views`.
      budget: bytes of labels; 0 = one label for each image.
      epochs: of training on the set, each of which sees a view; more are not labelled.

    Sources: Qin et al. 2024, "A label is worth a thousand images", for one label of an
    early-stopped teacher; Shen and Xing 2022 for those of views. Differs in: the
    learning rate of the teacher is constant, and its parameters are kept in half
    precision; of images that CutMix joins, labels are joined, not given again.
    """
    unravel = unraveller(model, whole=True)

    def one(weights, synthetic):
        params = unravel(weights.astype(jnp.float32))
        some = lambda images: jax.nn.softmax(model.apply(params, images))
        of = lambda images: in_batches(some, images, _BATCH)
        images = synthetic.images
        synthetic = synthetic._replace(classes=synthetic.image_classes)
        if not budget:
            return synthetic._replace(labels=of(images))
        count = min(views_within(budget, *synthetic.labels.shape), epochs)
        seen = lambda number: of(augmented(augment, images, number))
        views = lax.map(seen, jnp.arange(count))
        return synthetic._replace(labels=views.mean(0), views=views)

    label = jax.jit(lambda weights, sets: lax.map(lambda a: one(*a), (weights, sets)))
    return Teacher(network, label)
