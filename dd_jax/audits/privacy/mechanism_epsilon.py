"""A lower bound on the epsilon of a mechanism, from repetitions of all its releases.

White-box: the attacker knows what the row under attack adds to every sum, and sees all
that leaves.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.epsilon import epsilon_from_rates
from dd_jax.types import Array, Key

Mechanism = Callable[[Key, Iterable[Array]], Iterable[Array]]
CONFIDENCE = 0.99
_CAUTIOUS = 1 - 1e-6  # of bounds that are compared, so that no lucky one wins
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
    repetitions: int = 0,
) -> dict[str, Any]:
    """Audits a composition of noisy sums on one row that is in all of them, or in none.

    A repetition is scored by `sum_r w_r . m_r` over all that was released, with
    `w = S^-1 v` of what the row adds, v, and the covariance of the noise, S, estimated
    from repetitions of their own: the best linear statistic, which also finds what
    cancels in differences of releases. Of the others one half sets the threshold; on
    the other half `epsilon_from_rates` gives the bound, which therefore holds for any
    mechanism that draws repetitions independently.

    Where rows are sampled other statistics find more, and a claim near `most` or above
    cannot be refuted.

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
      repetitions: n with the row, and as many without, in each half; default: as many
        as take seconds.

    Returns:
      `{epsilon, confidence, repetitions, most}`: the bound, how sure it is, the
      repetitions of both halves together, and the bound of a mechanism without noise.

    Sources: Jagielski, Ullman and Oprea 2020, "Auditing differentially private machine
    learning"; Nasr et al. 2021, "Adversary instantiation". Differs in: the statistic is
    learned, and nothing is trained.
    """
    n = repetitions or min(_MOST, max(_NUMBERS // len(added), 100))
    keys = jax.random.split(key, 3)
    weights = _weights(mechanism, keys[0], added)
    row = jnp.repeat(jnp.arange(2.0), n)  # whether a repetition has the row
    halves = [_scores(mechanism, each, added, weights, row) for each in keys[1:]]
    (of_threshold, of_bound) = (np.split(scores, 2) for scores in halves)
    threshold = _best_threshold(*of_threshold, delta)
    return {
        "epsilon": _bound(*of_bound, threshold, delta),
        "confidence": CONFIDENCE,
        "repetitions": 4 * n,
        "most": epsilon_from_rates(n, n, 0, n, delta=delta, confidence=CONFIDENCE),
    }


def _features(release: Array) -> np.ndarray:
    """All numbers of each repetition, `f64[n d]` of `f32[... n 2]`."""
    found = np.moveaxis(np.asarray(release, np.float64), -2, 0)
    return found.reshape(len(found), -1)


def _weights(mechanism: Mechanism, key: Key, added: np.ndarray) -> list[np.ndarray]:
    """`S^-1 v` for each release, `f64[d]`."""
    nothing = (jnp.zeros((_NOISE, 2)) for _ in added)
    noise = map(_features, mechanism(key, nothing))
    found = []
    for first in range(0, len(added), _TOGETHER):
        found += _best(list(islice(noise, _TOGETHER)), added[first:])
    return found


def _best(noise: list[np.ndarray], added: np.ndarray) -> Iterator[np.ndarray]:
    sizes = [each.shape[1] for each in noise]
    along = np.concatenate([np.tile(v, d // 2) for v, d in zip(added, sizes)])
    covariance = np.cov(np.hstack(noise), rowvar=False)
    floor = _FLOOR * (np.trace(covariance) / len(along) or 1.0)
    weights = np.linalg.solve(covariance + floor * np.eye(len(along)), along)
    yield from np.split(weights, np.cumsum(sizes)[:-1])


def _scores(mechanism, key, added, weights, row) -> np.ndarray:
    sums = (jnp.outer(row, v) for v in jnp.float32(added))
    released = zip(mechanism(key, sums), weights, strict=True)
    return np.asarray(sum(_features(release) @ w for release, w in released))


def _best_threshold(without: np.ndarray, with_row: np.ndarray, delta: float) -> float:
    places = np.unique(np.geomspace(1, len(without), 60).astype(int)) - 1
    candidates = np.sort(without)[::-1][places]
    bound = lambda t: _bound(without, with_row, t, delta, _CAUTIOUS)
    return max(candidates, key=bound)


def _bound(without, with_row, threshold, delta, confidence=CONFIDENCE) -> float:
    above = [int(np.sum(scores > threshold)) for scores in (with_row, without)]
    return epsilon_from_rates(
        above[0],
        len(with_row),
        above[1],
        len(without),
        delta=delta,
        confidence=confidence,
    )
