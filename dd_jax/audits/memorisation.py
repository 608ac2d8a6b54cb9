"""Memorisation audit: do released images sit nearer to train than to unseen images.

Every figure stands beside a control: the same measurement against a holdout of as many
images from the same source. Similarity is no guarantee of privacy (a set far from its
data may still give membership away), so read this next to the membership audit; and
distilled sets are small, so read `n`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.intervals import wilson
from dd_jax.types import Array, InputError, Key, Model

Space = Callable[[np.ndarray], Array]

CHUNK = 256
REFERENCES = 1000
RARE = 0.05


class Neighbours(NamedTuple):
    """The two nearest images of a pool.

    Attributes:
      index: `i64[s]`, the nearest one.
      distance: `f64[s]`, Euclidean, to it.
      second: `f64[s]`, to the next.
    """

    index: np.ndarray
    distance: np.ndarray
    second: np.ndarray


class Memorisation(NamedTuple):
    """What the released images give away of their training images.

    Attributes:
      record: `{space: figures}`, the `memorisation` part of a Record.
      train: `{space: i64[s]}`, row of train nearest to each synthetic image.
      holdout: `{space: i64[s]}`, the same in holdout.
    """

    record: dict[str, Any]
    train: dict[str, np.ndarray]
    holdout: dict[str, np.ndarray]


def pixels(images: np.ndarray) -> np.ndarray:
    """The space of raw pixels: `f32[n h w c] -> f32[n h*w*c]`."""
    return images.reshape(len(images), -1)


def random_networks(key: Key, model: Model, count: int) -> dict[str, Space]:
    """Feature spaces of untrained networks, which no data have shaped.

    Args:
      key: `key[]`.
      model: the architecture.
      count: number of networks, each from its own key.

    Returns:
      `{"network_0": f32[n h w c] -> f32[n d], ...}`.
    """

    def space(key: Key) -> Space:
        params, features = model.init(key), jax.jit(model.features)

        def of(images: np.ndarray) -> np.ndarray:
            starts = range(0, len(images), CHUNK)
            parts = [
                features(params, jnp.asarray(images[i : i + CHUNK])) for i in starts
            ]
            return np.concatenate([np.asarray(part) for part in parts])

        return of

    keys = jax.random.split(key, count)
    return {f"network_{i}": space(key) for i, key in enumerate(keys)}


def nearest(points: np.ndarray, pool: np.ndarray) -> Neighbours:
    """Finds the two nearest rows of a pool, a chunk of the points at a time.

    The search uses `|a|^2 - 2ab + |b|^2`; the two distances are then taken afresh from
    the differences, so that a copy is at 0.

    Args:
      points: `f32[s d]`.
      pool: `f32[n d]`, n at least 2.
    """
    centre = pool.mean(0)
    points, pool = points - centre, pool - centre
    sizes = np.einsum("nd,nd->n", pool, pool)
    found = []
    for start in range(0, len(points), CHUNK):
        chunk = points[start : start + CHUNK]
        two = np.argpartition(sizes - 2 * chunk @ pool.T, 1, axis=1)[:, :2]
        gaps = np.linalg.norm((pool[two] - chunk[:, None]).astype(np.float64), axis=-1)
        order = np.argsort(gaps, axis=1, kind="stable")
        two, gaps = (np.take_along_axis(values, order, 1) for values in (two, gaps))
        found.append((two[:, 0], gaps[:, 0], gaps[:, 1]))
    return Neighbours(*map(np.concatenate, zip(*found, strict=True)))


def ratio(neighbours: Neighbours) -> np.ndarray:
    """Nearest-neighbour distance ratio, `d_1 / d_2`: `f64[s]` in [0, 1].

    Near 1 no image of the pool stands out; 0 is a copy of one (or of several).
    """
    first, second = neighbours.distance, neighbours.second
    return np.divide(first, second, out=np.zeros_like(first), where=second > 0)


def independent(index: np.ndarray) -> float:
    """How many independent draws the nearest rows amount to: `(sum c)^2 / sum c^2`.

    `c` counts the images that share a nearest row. Noise is often nearest to one and
    the same real image, and then counts as one look at the data, not as many.

    >>> independent(np.array([3, 1, 4])), independent(np.array([7, 7, 7]))
    (3.0, 1.0)
    """
    _, counts = np.unique(index, return_counts=True)
    return float(counts.sum() ** 2 / np.sum(counts**2))


def residual_risk(
    attack: tuple[float, float], control: tuple[float, float]
) -> tuple[float, float, float]:
    """Share of the attack's room for success that the control leaves unexplained.

    `R = (a - c) / (1 - c)`, with the error of the delta method,
    `sqrt((e_a / (1 - c))^2 + (e_c (a - 1) / (1 - c)^2)^2)`; all clipped to [0, 1].

    Args:
      attack: rate and half-width of its interval, see `wilson`.
      control: the same on the holdout; a rate below 1.

    Returns:
      `(R, low, high)`.

    Source: Giomi et al. 2023, "A unified framework for quantifying privacy risk in
    synthetic data", equation 2.
    """
    (a, error_a), (c, error_c) = attack, control
    risk = (a - c) / (1 - c)
    error = math.hypot(error_a / (1 - c), error_c * (a - 1) / (1 - c) ** 2)
    risk, low, high = np.clip([risk, risk - error, risk + error], 0, 1).tolist()
    return risk, low, high


def _estimate(share: float, n: int, trials: float) -> dict[str, Any]:
    """A share with its Wilson interval, and the trials that this is worth."""
    centre, half = wilson(share, trials)
    ci = [max(centre - half, 0.0), min(centre + half, 1.0)]
    return {"mean": float(share), "ci": ci, "n": n, "independent": trials}


def compare(
    to_train: Neighbours, to_holdout: Neighbours, rare: float
) -> dict[str, Any]:
    """The figures of one space.

    Args:
      to_train: neighbours of the synthetic images in train.
      to_holdout: neighbours of the same in holdout.
      rare: distance ratio below which a real image is said to be singled out.

    Returns:
      See `audit`.
    """
    pools = {"train": to_train, "holdout": to_holdout}
    n = len(to_train.distance)
    gap = to_holdout.distance - to_train.distance
    closer = float(np.mean(gap > 0) + np.mean(gap == 0) / 2)
    nearer = np.where(gap < 0, -1 - to_holdout.index, to_train.index)
    hits = {k: float(np.mean(ratio(pool) < rare)) for k, pool in pools.items()}
    trials = {k: independent(pool.index) for k, pool in pools.items()}
    rates = (wilson(hits[k], trials[k]) for k in ("train", "holdout"))
    risk, low, high = residual_risk(*rates)
    return {
        "closer_to_train": _estimate(closer, n, independent(nearer)),
        "distance": {k: float(np.median(pool.distance)) for k, pool in pools.items()},
        "distance_ratio": {k: float(ratio(pool).mean()) for k, pool in pools.items()},
        "singled_out": {k: _estimate(hits[k], n, trials[k]) for k in pools},
        "residual_risk": {"mean": risk, "ci": [low, high], "n": n},
    }


def audit(
    synthetic: Array, train: Array, holdout: Array, spaces: Mapping[str, Space]
) -> Memorisation:
    """Measures how near released images come to train, against a holdout, by space.

    An image singles out a real one where its nearest-neighbour distance ratio is below
    that of 95 % of holdout images to train (at most 1000 of them, spread evenly). The
    residual risk weighs how often that happens in train against how often in holdout.

    Args:
      synthetic: `f32[s h w c]`, pixels on the scale [0, 1].
      train: `u8[n h w c]`, or `f32[n h w c]` in [0, 1]: what the distiller was given.
      holdout: as many images that it was not given, of the same source.
      spaces: by name, functions from `f32[n h w c]` to `f32[n d]`.

    Returns:
      Per space `closer_to_train {mean, ci, n}` (0.5 = as near to holdout; a tie counts
      one half), `distance {train, holdout}` (median), `distance_ratio {train, holdout}`
      (mean), `singled_out {train, holdout: {mean, ci, n}}`, `residual_risk {mean, ci,
      n}`; and the nearest rows, for a gallery. Intervals are 95 %, over synthetic
      images, of which `independent` count (see there). Residual risk takes Wilson's
      centre for a rate, so that few images pull it to 0.

    Raises:
      InputError: holdout and train differ in number, shapes disagree, or no image.
    """
    synthetic, train, holdout = map(_as_pixels, (synthetic, train, holdout))
    shapes = {images.shape[1:] for images in (synthetic, train, holdout)}
    if len(train) != len(holdout) or len(train) < 2:
        raise InputError(
            f"memorisation: {len(train)} train and {len(holdout)} holdout images; need "
            "as many of one as of the other, at least 2"
        )
    if len(shapes) > 1 or not len(synthetic):
        raise InputError(
            f"memorisation: {len(synthetic)} synthetic images, shapes "
            f"{sorted(shapes)}; need one image at least and one shape"
        )
    sampled = holdout[:: -(-len(holdout) // REFERENCES)]
    record, rows = {}, {"train": {}, "holdout": {}}
    for name, space in spaces.items():
        points, seen, unseen, real = (
            np.asarray(space(images), np.float32)
            for images in (synthetic, train, holdout, sampled)
        )
        to_train, to_holdout = nearest(points, seen), nearest(points, unseen)
        rare = float(np.quantile(ratio(nearest(real, seen)), RARE))
        record[name] = compare(to_train, to_holdout, rare)
        rows["train"][name] = to_train.index
        rows["holdout"][name] = to_holdout.index
    return Memorisation(record, **rows)


def _as_pixels(images: Array) -> np.ndarray:
    images = np.asarray(images)
    scale = 255 if images.dtype == np.uint8 else 1
    return images.astype(np.float32) / scale
