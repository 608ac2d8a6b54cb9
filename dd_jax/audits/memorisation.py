"""Memorisation audit: are released images nearer to training than to unseen images.

Every figure has a control: the same measurement against a holdout of equally
many images from the same source. Dissimilarity does not prove privacy (a set far from
its data may still leak membership), so read this next to the membership audit; and
distilled sets are small, so read `n`.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dd_jax.audits.nearest_neighbours import (
    FeatureSpace,
    Neighbours,
    distance_ratio,
    effective_sample_size,
    nearest_neighbours,
)
from dd_jax.report.intervals import wilson
from dd_jax.types import Array, InputError

MAX_REFERENCES = 1000
SINGLED_OUT = 0.05


class Memorisation(NamedTuple):
    """What the released images reveal of their training images.

    Attributes:
      record: `{space: figures}`, the `memorisation` part of a Record.
      train: `{space: i64[s]}`, training row nearest to each synthetic image.
      holdout: `{space: i64[s]}`, the same in the holdout.
    """

    record: dict[str, Any]
    train: dict[str, np.ndarray]
    holdout: dict[str, np.ndarray]


def residual_risk(
    attack: tuple[float, float], control: tuple[float, float]
) -> tuple[float, float, float]:
    """Success of the attack beyond the control, as a share of what was possible.

    `R = (a - c) / (1 - c)`, with the error of the delta method,
    `sqrt((e_a / (1 - c))^2 + (e_c (a - 1) / (1 - c)^2)^2)`; all clipped to [0, 1].

    Args:
      attack: `(rate, half_width)`, see `wilson`.
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
    """A share with its Wilson interval, for an effective number of trials."""
    centre, half = wilson(share, trials)
    ci = [max(centre - half, 0.0), min(centre + half, 1.0)]
    return {"mean": float(share), "ci": ci, "n": n, "independent": trials}


def compare(
    to_train: Neighbours, to_holdout: Neighbours, threshold: float
) -> dict[str, Any]:
    """The figures of one space.

    Args:
      to_train: neighbours of the synthetic images in train.
      to_holdout: neighbours of the same in holdout.
      threshold: distance ratio below which a real image counts as singled out.

    Returns:
      See `audit`.
    """
    pools = {"train": to_train, "holdout": to_holdout}
    n = len(to_train.distance)
    gap = to_holdout.distance - to_train.distance
    closer = float(np.mean(gap > 0) + np.mean(gap == 0) / 2)
    nearer = np.where(gap < 0, -1 - to_holdout.index, to_train.index)
    ratios = {k: distance_ratio(pool) for k, pool in pools.items()}
    hits = {k: float(np.mean(ratio < threshold)) for k, ratio in ratios.items()}
    trials = {k: effective_sample_size(pool.index) for k, pool in pools.items()}
    rates = (wilson(hits[k], trials[k]) for k in ("train", "holdout"))
    risk, low, high = residual_risk(*rates)
    return {
        "closer_to_train": _estimate(closer, n, effective_sample_size(nearer)),
        "distance": {k: float(np.median(pool.distance)) for k, pool in pools.items()},
        "distance_ratio": {k: float(ratio.mean()) for k, ratio in ratios.items()},
        "singled_out": {k: _estimate(hits[k], n, trials[k]) for k in pools},
        "residual_risk": {"mean": risk, "ci": [low, high], "n": n},
    }


def audit(
    synthetic: Array, train: Array, holdout: Array, spaces: Mapping[str, FeatureSpace]
) -> Memorisation:
    """Compares distances of released images to train and to a holdout, by space.

    An image singles out a real one where its nearest-neighbour distance ratio is below
    that of 95 % of holdout images to train (at most 1000 of them, evenly spaced). The
    residual risk compares how often that happens in train and in the holdout.

    Args:
      synthetic: `f32[s h w c]`, pixels on the scale [0, 1].
      train: `u8[n h w c]`, or `f32[n h w c]` in [0, 1]: what the distiller was given.
      holdout: equally many images that it was not given, of the same source.
      spaces: by name, functions from `f32[n h w c]` to `f32[n d]`.

    Returns:
      Per space `closer_to_train {mean, ci, n}` (0.5 = as near to holdout; a tie counts
      one half), `distance {train, holdout}` (median), `distance_ratio {train, holdout}`
      (mean), `singled_out {train, holdout: {mean, ci, n}}`, `residual_risk {mean, ci,
      n}`; and the nearest rows, for a gallery. Intervals are 95 %, over synthetic
      images, with `independent` (`effective_sample_size`) as the number of trials.
      Residual risk takes Wilson's centre as the rate, so that few images give a value
      near 0.

    Raises:
      InputError: holdout and train differ in number, shapes disagree, or no image.
    """
    synthetic, train, holdout = map(_as_pixels, (synthetic, train, holdout))
    shapes = {images.shape[1:] for images in (synthetic, train, holdout)}
    if len(train) != len(holdout) or len(train) < 2:
        raise InputError(
            f"memorisation: {len(train)} train and {len(holdout)} holdout images; need "
            "the same number, at least 2"
        )
    if len(shapes) > 1 or not len(synthetic):
        raise InputError(
            f"memorisation: {len(synthetic)} synthetic images, shapes "
            f"{sorted(shapes)}; need 1 image or more, all of one shape"
        )
    references = holdout[:: -(-len(holdout) // MAX_REFERENCES)]
    record, rows = {}, {"train": {}, "holdout": {}}
    for name, space in spaces.items():
        points, in_train, in_holdout, real = (
            np.asarray(space(images), np.float32)
            for images in (synthetic, train, holdout, references)
        )
        to_train = nearest_neighbours(points, in_train)
        to_holdout = nearest_neighbours(points, in_holdout)
        of_real = distance_ratio(nearest_neighbours(real, in_train))
        threshold = float(np.quantile(of_real, SINGLED_OUT))
        record[name] = compare(to_train, to_holdout, threshold)
        rows["train"][name] = to_train.index
        rows["holdout"][name] = to_holdout.index
    return Memorisation(record, **rows)


def _as_pixels(images: Array) -> np.ndarray:
    images = np.asarray(images)
    scale = 255 if images.dtype == np.uint8 else 1
    return images.astype(np.float32) / scale
