"""Nearest neighbours of synthetic images, in pixels and in random feature spaces."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.types import Array, Key, Model

FeatureSpace = Callable[[np.ndarray], Array]

CHUNK = 256


class Neighbours(NamedTuple):
    """The two nearest images of a pool.

    Attributes:
      index: `i64[s]`, the nearest one.
      distance: `f64[s]`, Euclidean, to the nearest.
      second: `f64[s]`, to the second nearest.
    """

    index: np.ndarray
    distance: np.ndarray
    second: np.ndarray


def pixel_space(images: np.ndarray) -> np.ndarray:
    """The space of raw pixels: `f32[n h w c] -> f32[n h*w*c]`."""
    chex.assert_rank(images, 4)
    return images.reshape(len(images), -1)


def random_feature_spaces(
    key: Key, model: Model, count: int
) -> dict[str, FeatureSpace]:
    """Feature spaces of networks at initialisation, independent of any data.

    Args:
      key: `key[]`.
      model: the architecture.
      count: number of networks, each from its own key.

    Returns:
      `{"network_0": f32[n h w c] -> f32[n d], ...}`.
    """

    def space(key: Key) -> FeatureSpace:
        params, features = model.init(key), jax.jit(model.features)

        def of(images: np.ndarray) -> np.ndarray:
            chex.assert_rank(images, 4)
            starts = range(0, len(images), CHUNK)
            parts = [
                features(params, jnp.asarray(images[i : i + CHUNK])) for i in starts
            ]
            return np.concatenate([np.asarray(part) for part in parts])

        return of

    keys = jax.random.split(key, count)
    return {f"network_{i}": space(key) for i, key in enumerate(keys)}


def nearest_neighbours(points: np.ndarray, pool: np.ndarray) -> Neighbours:
    """Finds the two nearest rows of a pool by exhaustive search, in chunks.

    The search uses `|a|^2 - 2ab + |b|^2`; the two distances are then computed again
    from the differences, so that a copy has distance 0.

    Args:
      points: `f32[s d]`.
      pool: `f32[n d]`, n at least 2.

    Returns:
      `Neighbours` of the s points.
    """
    chex.assert_rank([points, pool], 2)
    chex.assert_equal_shape_suffix([points, pool], 1)
    centre = pool.mean(0)
    points, pool = points - centre, pool - centre
    sizes = np.einsum("nd,nd->n", pool, pool)
    found = []
    for start in range(0, len(points), CHUNK):
        chunk = points[start : start + CHUNK]
        two = np.argpartition(sizes - 2 * chunk @ pool.T, 1, axis=1)[:, :2]
        difference = (pool[two] - chunk[:, None]).astype(np.float64)
        distances = np.linalg.norm(difference, axis=-1)
        order = np.argsort(distances, axis=1, kind="stable")
        two, distances = (np.take_along_axis(a, order, 1) for a in (two, distances))
        found.append((two[:, 0], distances[:, 0], distances[:, 1]))
    return Neighbours(*map(np.concatenate, zip(*found, strict=True)))


def distance_ratio(neighbours: Neighbours) -> np.ndarray:
    """Nearest-neighbour distance ratio, `d_1 / d_2`: `f64[s]` in [0, 1].

    Near 1 no image of the pool is singled out; 0 is a copy of one (or of several).
    """
    first, second = neighbours.distance, neighbours.second
    return np.divide(first, second, out=np.zeros_like(first), where=second > 0)


def effective_sample_size(index: np.ndarray) -> float:
    """Number of independent draws that nearest rows amount to: `(sum c)^2 / sum c^2`.

    `c` counts the images that share a nearest row. Noise images are often nearest to
    one and the same real image, and then count as one draw.

    Args:
      index: `i64[s]`, the nearest row of each image.

    Source: Kish, "Survey sampling", 1965.

    >>> effective_sample_size(np.array([3, 1, 4]))
    3.0
    >>> effective_sample_size(np.array([7, 7, 7]))
    1.0
    """
    chex.assert_rank(index, 1)
    _, counts = np.unique(index, return_counts=True)
    return float(counts.sum() ** 2 / np.sum(counts**2))
