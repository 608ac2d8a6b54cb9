"""Selection of real images that represent their class: baselines and initial images.

Distances are Euclidean between standardised pixels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.data.choosers import Chooser, herding, kcenter, kmeans, random
from dd_jax.distill.base import Experts, Method, Real, one_hot_labels
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError, Key, Model, SyntheticSet


def choose(key: Key, real: Real, chooser: Chooser, ipc: int) -> np.ndarray:
    """Rows of `real.images` that represent each class.

    Args:
      key: decides what is random about the choice.
      real: what may be chosen.
      chooser: `(rng, f32[n d], count) -> i64[count]`, of one class.
      ipc: rows a class.

    Returns:
      `i64[k ipc]`.

    Raises:
      InputError: a class with fewer than `ipc` rows.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    images, chosen = np.asarray(real.images), []
    for c, (rows, count) in enumerate(
        zip(np.asarray(real.rows), np.asarray(real.counts))
    ):
        if count < ipc:
            raise InputError(
                f"distill.ipc is {ipc}, but class {c} has {count} training images; "
                f"lower ipc to at most {count}"
            )
        rows = rows[:count]
        points = images[rows].reshape(count, -1).astype(np.float32) / 255
        spread = max(float(points.std()), 1e-6)
        chosen.append(rows[chooser(rng, (points - points.mean()) / spread, ipc)])
    return np.stack(chosen)


def selection(chooser: Chooser):
    """The method that keeps the real images that `chooser` takes of each class."""

    @reused
    def factory(
        model: Model, *, ipc: int, init: str = "real", train_lr: float = 0.01
    ) -> Method:
        """Selection of `ipc` real images a class; the state is `f32[k ipc h w c]`.

        Args:
          model: not used.
          ipc: images a class.
          init: not used; nothing is learned.
          train_lr: learning rate that networks are to be trained with on them.
        """

        def start(key: Key, real: Real) -> Array:
            rows = choose(key, real, chooser, ipc)
            return np.asarray(real.images)[rows].astype(np.float32) / 255

        return selected(start, ipc, train_lr)

    return factory


def selected(
    start: Callable[[Key, Real], Array],
    ipc: int,
    train_lr: float,
    experts: Experts | None = None,
) -> Method:
    """A method that ends with its first images, which have one-hot labels.

    Args:
      start: gives them, `f32[k ipc h w c]`.
      ipc: images a class.
      train_lr: learning rate that networks are to be trained with on them.
      experts: that `start` reads, if any.
    """

    def update(key, state, batch):
        return state, {"loss": jnp.float32(0)}

    def read(state: Array) -> SyntheticSet:
        labels = one_hot_labels(state.shape[0], ipc)
        images = state.reshape(-1, *state.shape[2:])
        return SyntheticSet(images, labels, jnp.float32(train_lr))

    nothing = lambda key, real: ()
    return Method(start, nothing, update, read, steps=False, experts=experts)


random_images = selection(random)
herded_images = selection(herding)
kcenter_images = selection(kcenter)
kmeans_images = selection(kmeans)
