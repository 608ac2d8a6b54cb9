"""Fairness metrics: differences of accuracy between classes and between groups.

NumPy on arrays of predictions and labels.
"""

import math
from collections.abc import Callable

import chex
import numpy as np

from dd_jax.types import InputError


def per_class_accuracy(
    predictions: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Accuracy on the rows of each class (recall): `P(y^ = c | y = c)`.

    Args:
      predictions: `i32[... n]`; leading axes are networks.
      labels: `i32[n]`.
      num_classes: k.

    Returns:
      `f64[... k]`, fractions.

    Raises:
      InputError: a class has no row, or a label is outside 0..k-1.

    >>> per_class_accuracy(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), 2)
    array([0.5, 1. ])
    """
    _check_shapes(predictions, labels)
    found = np.unique(labels)
    if not np.array_equal(found, np.arange(num_classes)):
        raise InputError(
            f"fairness: test labels hold the classes {found.tolist()}; every one of "
            f"0..{num_classes - 1} and nothing else must be there"
        )
    one_group = np.zeros_like(labels)
    return _recall(predictions, labels, one_group, num_classes)[..., 0, :]


def class_gap(accuracy: np.ndarray) -> np.ndarray:
    """Best class minus worst class: `max_c acc_c - min_c acc_c`.

    Args:
      accuracy: `f64[... k]`, fractions by class.

    Returns:
      `f64[...]` in [0, 1].
    """
    return accuracy.max(-1) - accuracy.min(-1)


def worst_class(accuracy: np.ndarray) -> np.ndarray:
    """Accuracy of the worst class: `min_c acc_c`.

    Over networks there are two estimates. `worst_class(acc[s k])` is the worst class of
    each network; its mean is what a user of one network should expect, and is biased
    low as an estimate of the hardest class, as the minimum of noisy numbers is.
    `worst_class(acc.mean(0))` estimates the hardest class itself. `record` holds both.

    Args:
      accuracy: `f64[... k]`, fractions by class.

    Returns:
      `f64[...]`.
    """
    return accuracy.min(-1)


def class_std(accuracy: np.ndarray) -> np.ndarray:
    """Standard deviation over classes: `sqrt(mean_c (acc_c - mean acc)^2)`, divisor k.

    Args:
      accuracy: `f64[... k]`, fractions by class.

    Returns:
      `f64[...]`.
    """
    return accuracy.std(-1)


def cvar(accuracy: np.ndarray, alpha: float = 0.3) -> np.ndarray:
    """Conditional value at risk: mean accuracy of the worst `ceil(alpha k)` classes.

    alpha = 1 is the mean over all classes, alpha <= 1/k the worst class.

    Args:
      accuracy: `f64[... k]`, fractions by class.
      alpha: share of the classes, in (0, 1].

    Returns:
      `f64[...]`.

    Raises:
      InputError: alpha is outside (0, 1].

    >>> float(cvar(np.array([0.9, 0.5, 0.7, 0.8]), alpha=0.5))
    0.6
    """
    if not 0 < alpha <= 1:
        raise InputError(f"fairness: cvar alpha is {alpha}; it must be in (0, 1]")
    worst = math.ceil(round(alpha * accuracy.shape[-1], 9))
    return np.sort(accuracy, axis=-1)[..., :worst].mean(-1)


def induced_drop(full: np.ndarray, distilled: np.ndarray) -> dict:
    """Accuracy lost by each class: `D_c = acc_c(full) - acc_c(distilled)`.

    It separates classes that are hard anyway from those that distillation hurts.

    Args:
      full: `f64[k]`, accuracy by class after training on all data.
      distilled: `f64[k]`, the same after training on the distilled set.

    Returns:
      `{max, mean, std, per_class}`; `max` is the largest loss of a class, negative
      values are gains, `std` divides by k.

    >>> drop = induced_drop(np.array([0.75, 1.0]), np.array([0.75, 0.5]))
    >>> drop["max"], drop["mean"], drop["std"]
    (0.5, 0.25, 0.25)
    """
    drop = np.asarray(full, np.float64) - np.asarray(distilled, np.float64)
    return {
        "max": float(drop.max()),
        "mean": float(drop.mean()),
        "std": float(drop.std()),
        "per_class": drop.tolist(),
    }


def equalised_odds(
    predictions: np.ndarray, labels: np.ndarray, groups: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Difference of equalised odds over classes, its maximum and its mean.

    `TPR[g, c] = P(y^ = c | y = c, group g)`, `gap_c = max_g TPR - min_g TPR`;
    `DEO_M = max_c gap_c`, `DEO_A = mean_c gap_c`.

    A group without rows of a class is left out of that class's gap; a class that only
    one group has is left out of maximum and mean.

    Source: FairDD (Zhou et al. 2024), as its released code computes it, here as
    fractions.

    Args:
      predictions: `i32[... n]`; leading axes are networks.
      labels: `i32[n]`.
      groups: `i32[n]`, group ids.
      num_classes: k.

    Returns:
      `(deo_max f64[...], deo_mean f64[...])`, fractions.

    Raises:
      InputError: no class has rows of two groups.
    """
    _check_shapes(predictions, labels)
    chex.assert_equal_shape([labels, groups])
    _, groups = np.unique(groups, return_inverse=True)
    rates = _recall(predictions, labels, groups, num_classes)
    present = np.zeros(rates.shape[-2:], bool)
    present[groups, labels] = True
    shared = present.sum(0) >= 2
    if not shared.any():
        raise InputError(
            "fairness: no class has test rows of two groups; equalised odds compare "
            "groups within a class"
        )
    high = np.where(present, rates, -np.inf).max(-2)
    low = np.where(present, rates, np.inf).min(-2)
    gap = (high - low)[..., shared]
    return gap.max(-1), gap.mean(-1)


def record(
    predictions: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    summarise: Callable[[np.ndarray], dict],
    *,
    groups: np.ndarray | None = None,
    full: np.ndarray | None = None,
) -> dict:
    """The fairness part of a Record for one pipeline.

    Args:
      predictions: `i32[s n]` of s networks on the test rows.
      labels: `i32[n]`.
      num_classes: k.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over networks.
      groups: `i32[n]`, or None where the data has no groups.
      full: `f64[k]`, accuracy by class after training on all data, mean over
        networks; None leaves `induced_drop` out.

    Returns:
      `{class_gap, worst_class, class_std, cvar}` as estimates over networks (`cvar` of
      the worst 30 % of the classes; `worst_class` also with `of_mean`, the minimum of
      the mean over networks), `induced_drop` of the mean over networks, and with groups
      `deo_max` and `deo_mean`; fractions.
    """
    accuracy = per_class_accuracy(predictions, labels, num_classes)
    of_mean = float(worst_class(accuracy.mean(0)))
    part = {
        "class_gap": summarise(class_gap(accuracy)),
        "worst_class": summarise(worst_class(accuracy)) | {"of_mean": of_mean},
        "class_std": summarise(class_std(accuracy)),
        "cvar": summarise(cvar(accuracy)),
    }
    if full is not None:
        part["induced_drop"] = induced_drop(full, accuracy.mean(0))
    if groups is not None:
        deo_max, deo_mean = equalised_odds(predictions, labels, groups, num_classes)
        part |= {"deo_max": summarise(deo_max), "deo_mean": summarise(deo_mean)}
    return part


def _check_shapes(predictions: np.ndarray, labels: np.ndarray) -> None:
    chex.assert_rank(labels, 1)
    chex.assert_equal_shape_suffix([predictions, labels], 1)
    chex.assert_type([predictions, labels], int)


def _recall(predictions, labels, groups, num_classes) -> np.ndarray:
    """`P(y^ = y | y = c, group g)` as `f64[... g k]`; 0 where there are no rows."""
    shape = int(groups.max()) + 1, num_classes
    cell = np.ravel_multi_index((groups, labels), shape)
    rows = np.eye(shape[0] * num_classes)[cell]
    right = (np.asarray(predictions) == labels) @ rows / np.maximum(rows.sum(0), 1)
    return right.reshape(*right.shape[:-1], *shape)
