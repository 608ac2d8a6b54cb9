"""Coresets: as many real rows of each class, chosen by their scores or features."""

import numpy as np

from dd_jax.data.choosers import herding

ENDS = ("easiest", "hardest")


def by_score(
    scores: np.ndarray,
    labels: np.ndarray,
    classes: int,
    ipc: int,
    end: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """The rows of each class with the lowest or the highest scores.

    Args:
      scores: `f64[n]`, higher = harder.
      labels: `i32[n]`.
      classes: k.
      ipc: rows a class, each at least this many.
      end: `easiest` or `hardest`.
      rng: decides between rows of scores that are equal to six decimals.

    Returns:
      `i64[k ipc]`.

    >>> scores, labels = np.array([3.0, 1.0, 2.0, 9.0]), np.array([0, 0, 0, 1])
    >>> by_score(scores, labels, 2, 1, "hardest", np.random.default_rng(0))
    array([[0],
           [3]])
    """
    sign = -1 if end == "hardest" else 1
    order = np.lexsort((rng.permutation(len(scores)), sign * np.round(scores, 6)))
    return np.stack([order[labels[order] == c][:ipc] for c in range(classes)])


def by_herding(
    features: np.ndarray, labels: np.ndarray, classes: int, ipc: int
) -> np.ndarray:
    """The rows of each class whose running mean of features follows that of the class.

    Args:
      features: `f32[n d]`, learned ones.
      labels: `i32[n]`.
      classes: k.
      ipc: rows a class, each at least this many.

    Returns:
      `i64[k ipc]`.

    Source: Welling 2009; with learned features as Rebuffi et al. 2017, who divide them
    by their norms.
    """
    rng = np.random.default_rng(0)  # herding draws nothing
    of_class = (np.flatnonzero(labels == c) for c in range(classes))
    return np.stack([rows[herding(rng, features[rows], ipc)] for rows in of_class])
