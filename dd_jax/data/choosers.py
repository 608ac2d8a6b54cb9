"""Points that stand for all of a class: at random, by herding, k-center or k-means."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_argmin_min

from dd_jax.data.clusters import k_means

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
    centres = k_means(int(rng.integers(2**31)), points, count).cluster_centers_
    chosen = np.unique(pairwise_distances_argmin(centres, points))
    while len(chosen) < count:
        _, distance = pairwise_distances_argmin_min(points, points[chosen])
        distance[chosen] = -1.0
        chosen = np.append(chosen, distance.argmax())
    return chosen
