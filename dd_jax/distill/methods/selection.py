"""Selection of real images that represent their class: baselines and initial images.

Distances are Euclidean between standardised pixels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_argmin_min

from dd_jax.distill.base import Method, Real, one_hot_labels
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError, Key, Model, SyntheticSet

Chooser = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]


def random(rng: np.random.Generator, points: np.ndarray, count: int) -> np.ndarray:
    """Rows drawn uniformly without replacement from `f32[n d]`: `i64[count]`."""
    return rng.choice(len(points), count, replace=False)


def herding(rng: np.random.Generator, points: np.ndarray, count: int) -> np.ndarray:
    """Greedy rows whose running mean follows the mean of all points.

    `i_t = argmin_i || mu - (s_{t-1} + x_i) / t ||`, each row at most once. Welling
    (2009), as used by Rebuffi et al. (2017, alg. 4).
    """
    mean, total, chosen = points.mean(0), np.zeros_like(points[0]), []
    squares = np.square(points).sum(1)
    for t in range(1, count + 1):
        goal = t * mean - total
        distance = squares - 2 * points @ goal
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
        total = total + points[chosen[-1]]
    return np.array(chosen)


def kcenter(rng: np.random.Generator, points: np.ndarray, count: int) -> np.ndarray:
    """Greedy farthest-point cover, from the row nearest the mean.

    Sener and Savarese (2018, alg. 1).
    """
    distance = lambda i: np.square(points - points[i]).sum(1)
    chosen = [int(np.square(points - points.mean(0)).sum(1).argmin())]
    nearest = distance(chosen[0])
    while len(chosen) < count:
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance(chosen[-1]))
    return np.array(chosen)


def kmeans(rng: np.random.Generator, points: np.ndarray, count: int) -> np.ndarray:
    """The row nearest each of `count` k-means centres (Lloyd 1982), each row once."""
    seed = int(rng.integers(2**31))
    centres = KMeans(count, n_init=1, random_state=seed).fit(points).cluster_centers_
    chosen = np.unique(pairwise_distances_argmin(centres, points))
    while len(chosen) < count:
        _, distance = pairwise_distances_argmin_min(points, points[chosen])
        distance[chosen] = -1.0
        chosen = np.append(chosen, distance.argmax())
    return chosen


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

        def update(key, state, batch):
            return state, {"loss": jnp.float32(0)}

        def read(state: Array) -> SyntheticSet:
            labels = one_hot_labels(state.shape[0], ipc)
            images = state.reshape(-1, *state.shape[2:])
            return SyntheticSet(images, labels, jnp.float32(train_lr))

        return Method(start, lambda key, real: (), update, read, steps=False)

    return factory


random_images = selection(random)
herded_images = selection(herding)
kcenter_images = selection(kcenter)
kmeans_images = selection(kmeans)
