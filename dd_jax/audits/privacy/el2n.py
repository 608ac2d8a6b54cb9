"""EL2N: how hard a row is for networks early in training."""

import numpy as np
from scipy.special import softmax

from dd_jax.types import InputError


def el2n(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean length of the error vector of networks on each row.

    `mean_s ||softmax(z_s) - y||_2`, with y one-hot; in [0, sqrt 2], higher = harder.

    Args:
      logits: `f32[s n k]` of s networks, after a tenth of their training.
      labels: `i32[n]`.

    Returns:
      `f64[n]`.

    Raises:
      InputError: logits that are not finite.

    Source: Paul, Ganguli and Dziugaite 2021, "Deep learning on a data diet"
    (10 networks, 20 of 200 epochs).

    >>> el2n(np.zeros((1, 1, 2)), np.array([0])).round(4)
    array([0.7071])
    """
    if not np.isfinite(logits).all():
        raise InputError(
            "a network that EL2N scores rows by gives logits that are not finite; "
            "lower train.lr"
        )
    probabilities = softmax(np.asarray(logits, np.float64), -1)
    error = probabilities - np.eye(logits.shape[-1])[labels]
    return np.sqrt(np.square(error).sum(-1)).mean(0)


def hardest(
    hardness: np.ndarray, labels: np.ndarray, candidates: np.ndarray, count: int
) -> np.ndarray:
    """The hardest rows, hardest first, and no more than a quarter of any class.

    Args:
      hardness: `f64[n]`; those that agree in four decimals are taken in order of the
        rows, so that rounding on another device seldom matters.
      labels: `i32[n]`.
      candidates: `bool[n]`, rows that may be taken.
      count: rows to take, at most a quarter of the candidates.

    Returns:
      `i64[count]`.

    >>> hardest(np.arange(8.0), np.zeros(8, int), np.ones(8, bool), 2)
    array([7, 6])
    """
    order = np.argsort(-np.round(hardness, 4), kind="stable")
    order = order[candidates[order]]
    place = np.zeros(len(order), int)  # of a row within its class
    for c in np.unique(labels):
        of_class = labels[order] == c
        place[of_class] = np.arange(of_class.sum())
    return order[place < most_hardest(labels, candidates)[labels[order]]][:count]


def most_hardest(labels: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """How many rows of each class `hardest` may take: a quarter, rounded up.

    >>> most_hardest(np.array([0, 0, 0, 0, 1]), np.ones(5, bool))
    array([1, 1])
    """
    of_class = np.bincount(labels[candidates], minlength=int(labels.max()) + 1)
    return -(-of_class // 4)
