"""A lower bound on the epsilon of a mechanism, from repetitions of all its releases.

White-box: the attacker knows what the row under attack adds to every sum, and sees all
that leaves.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.epsilon import SURE, epsilon_from_rates
from dd_jax.types import Array, Key

Mechanism = Callable[[Key, Iterable[Array]], Iterable[Array]]
CONFIDENCE = 0.99
_MOST = 200_000  # repetitions with the row, and as many without, of each half
_NUMBERS = 10**7  # repetitions of a half times releases
_NOISE = 4000  # repetitions that the covariance of the noise is estimated from
_TOGETHER = 200  # releases that share a covariance
_FLOOR = 1e-12  # of eigenvalues, over their mean
_TURN = np.pi * (3 - 5**0.5)  # the golden angle


def turning(releases: int) -> np.ndarray:
    """Directions in which a row adds to each of several sums, no two of them close.

    `(cos r g, sin r g)` with the golden angle g: noise that two releases share is not
    shared by what the row adds to them.

    Args:
      releases: R.

    Returns:
      `f64[R 2]`.

    >>> turning(2).round(3).tolist()
    [[1.0, 0.0], [-0.737, 0.675]]
    """
    angles = _TURN * np.arange(releases)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def epsilon_of_mechanism(
    mechanism: Mechanism,
    key: Key,
    added: np.ndarray,
    *,
    delta: float,
    sampling: float = 1.0,
    repetitions: int = 0,
) -> dict[str, Any]:
    """Audits a composition of noisy sums on one row that is in all of them, or in none.

    A repetition is scored by `sum_r w_r . m_r` over all that was released, with
    `w = S^-1 v` of what the row adds, v, and the covariance of the noise, S, estimated
    from repetitions of their own: the best linear statistic, which also finds what
    cancels in differences of releases. Where rows are sampled it is scored as well by
    `sum_r log(1 - q + q L_r)` with the likelihood ratio L_r of one release with the
    row. Of the others one half chooses statistic and threshold; on the other half
    `epsilon_from_rates` gives the bound, which therefore holds for any mechanism that
    draws repetitions independently. A claim near `most` or above cannot be refuted.

    Only two coordinates of each sum are drawn, as noise that is the same in all
    directions says no more of one row in the others. Noise that releases share is seen
    among 200 that follow one another.

    Args:
      mechanism: `(key, sums) -> releases`: of clean sums, `f32[n 2]` each, all that
        leaves for each of them, `f32[... n 2]`, for n repetitions side by side; with
        fresh noise for each key.
      key: a repetition of all this with the same key gives the same bound.
      added: `f64[R 2]`, what the row adds to each sum, such as C times `turning`.
      delta: of (epsilon, delta), in [0, 1).
      sampling: q, the probability with which the row is in each sum, as claimed.
      repetitions: n with the row, and as many without, in each half; default: as many
        as take seconds.

    Returns:
      `{epsilon, surely, confidence, repetitions, most}`: the bound, and at the
      confidence `epsilon.SURE`; how sure it is, the repetitions of both halves
      together, and the bound of a mechanism without noise.

    Sources: Jagielski, Ullman and Oprea 2020, "Auditing differentially private machine
    learning"; Nasr et al. 2021, "Adversary instantiation". Differs in: statistics are
    learned, and nothing is trained.
    """
    n = repetitions or min(_MOST, max(_NUMBERS // len(added), 100))
    keys = jax.random.split(key, 3)
    learned = _learned(mechanism, keys[0], added)
    row = jnp.repeat(jnp.arange(2.0), n)  # whether a repetition has the row
    halves = [_scores(mechanism, k, added, learned, sampling, row) for k in keys[1:]]
    of_threshold, of_bound = (np.split(scores, 2, axis=1) for scores in halves)
    thresholds = [_best_threshold(*pair, delta) for pair in zip(*of_threshold)]
    best = max(range(len(thresholds)), key=lambda i: thresholds[i][1])
    bound = lambda confidence: _bound(
        *(scores[best] for scores in of_bound), thresholds[best][0], delta, confidence
    )
    return {
        "epsilon": bound(CONFIDENCE),
        "surely": bound(SURE),
        "confidence": CONFIDENCE,
        "repetitions": 4 * n,
        "most": epsilon_from_rates(n, n, 0, n, delta=delta, confidence=CONFIDENCE),
    }


def _features(release: Array) -> np.ndarray:
    """All numbers of each repetition, `f64[n d]` of `f32[... n 2]`."""
    found = np.moveaxis(np.asarray(release, np.float64), -2, 0)
    return found.reshape(len(found), -1)


class _Learned(NamedTuple):
    """Of one release: `S^-1 v`, what the row adds, and the noise along it."""

    weights: np.ndarray
    along: np.ndarray
    variance: float

    def log_ratio(self, features: np.ndarray, sampling: float) -> np.ndarray:
        """`log(1 - q + q N(x; d, s^2) / N(x; 0, s^2))` of x along the row."""
        x, d = features @ self.along, self.along @ self.along
        exponent = (x * d - d * d / 2) / self.variance
        return np.logaddexp(np.log1p(-sampling), np.log(sampling) + exponent)


def _learned(mechanism: Mechanism, key: Key, added: np.ndarray) -> list[_Learned]:
    nothing = (jnp.zeros((_NOISE, 2)) for _ in added)
    noise = map(_features, mechanism(key, nothing))
    found = []
    for first in range(0, len(added), _TOGETHER):
        found += _of_noise(list(islice(noise, _TOGETHER)), added[first:])
    return found


def _of_noise(noise: list[np.ndarray], added: np.ndarray) -> Iterator[_Learned]:
    rows = [np.tile(v, each.shape[1] // 2) for v, each in zip(added, noise)]
    along = np.concatenate(rows)
    covariance = np.cov(np.hstack(noise), rowvar=False)
    floor = _FLOOR * (np.trace(covariance) / len(along) or 1.0)
    weights = np.linalg.solve(covariance + floor * np.eye(len(along)), along)
    ends = np.cumsum([len(row) for row in rows])[:-1]
    for weight, row, each in zip(np.split(weights, ends), rows, noise):
        yield _Learned(weight, row, max(np.var(each @ row), floor * row @ row))


def _scores(mechanism, key, added, learned, sampling, row) -> np.ndarray:
    """The statistics of every repetition, `f64[1 n]`, or `f64[2 n]` of sampled rows."""
    sums = (jnp.outer(row, v) for v in jnp.float32(added))
    total = np.zeros((1 + (sampling < 1), len(row)))
    for release, one in zip(mechanism(key, sums), learned, strict=True):
        features = _features(release)
        total[0] += features @ one.weights
        if sampling < 1:
            total[1] += one.log_ratio(features, sampling)
    return total


def _best_threshold(
    without: np.ndarray, with_row: np.ndarray, delta: float
) -> tuple[float, float]:
    """The threshold of the best bound, and that bound."""
    places = np.unique(np.geomspace(1, len(without), 60).astype(int)) - 1
    candidates = np.sort(without)[::-1][places]
    bounds = [_bound(without, with_row, t, delta, SURE) for t in candidates]
    return candidates[np.argmax(bounds)], max(bounds)


def _bound(without, with_row, threshold, delta, confidence) -> float:
    above = [int(np.sum(scores > threshold)) for scores in (with_row, without)]
    return epsilon_from_rates(
        above[0],
        len(with_row),
        above[1],
        len(without),
        delta=delta,
        confidence=confidence,
    )
