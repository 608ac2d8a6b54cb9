"""Fairness between classes: differences of accuracy.

NumPy on arrays of predictions, labels and accuracies.
"""

import math
from collections.abc import Callable

import numpy as np

from dd_jax.audits.recall import check_shapes, recall
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
    check_shapes(predictions, labels)
    found = np.unique(labels)
    if not np.array_equal(found, np.arange(num_classes)):
        raise InputError(
            f"fairness: test labels hold the classes {found.tolist()}; every one of "
            f"0..{num_classes - 1} and nothing else must be there"
        )
    one_group = np.zeros_like(labels)
    return recall(predictions, labels, one_group, num_classes)[..., 0, :]


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
      full: `f64[k]`, accuracy by class after training on all data, or on another
        reference.
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


def record(
    accuracy: np.ndarray,
    summarise: Callable[[np.ndarray], dict],
    *,
    full: np.ndarray | None = None,
    subset: np.ndarray | None = None,
) -> dict:
    """What the fairness part of a Record says of the classes of one pipeline.

    Args:
      accuracy: `f64[s k]`, by class, of s networks.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over networks.
      full: `f64[k]`, accuracy by class after training on all data, mean over
        networks; None leaves `induced_drop` out.
      subset: the same after training on a random subset of the size of the distilled
        set; None leaves `drop_from_subset` out.

    Returns:
      `{class_gap, worst_class, class_std, cvar}` as estimates over networks (`cvar` of
      the worst 30 % of the classes; `worst_class` also with `of_mean`, the minimum of
      the mean over networks), `induced_drop` and `drop_from_subset` of the mean over
      networks; fractions.
    """
    mean = accuracy.mean(0)
    worst = {"of_mean": float(worst_class(mean))}
    part = {
        "class_gap": summarise(class_gap(accuracy)),
        "worst_class": summarise(worst_class(accuracy)) | worst,
        "class_std": summarise(class_std(accuracy)),
        "cvar": summarise(cvar(accuracy)),
    }
    drops = {"induced_drop": full, "drop_from_subset": subset}
    return part | {
        name: induced_drop(reference, mean)
        for name, reference in drops.items()
        if reference is not None
    }
