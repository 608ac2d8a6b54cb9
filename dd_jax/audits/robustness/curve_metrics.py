"""Metrics of epsilon curves: robust accuracy, worst case, area, median distance."""

from collections.abc import Mapping

import chex
import numpy as np

from dd_jax.audits.robustness.curve import Curve
from dd_jax.types import InputError


def robust_accuracy(correct: np.ndarray) -> np.ndarray:
    """Robust accuracy: the share of examples that are right, over the last axis.

    Args:
      correct: `bool[... n]`.

    Returns:
      `f64[...]`, fractions.
    """
    return np.mean(correct, axis=-1, dtype=np.float64)


def class_robust_accuracy(
    robust: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Robust accuracy of each class.

    Args:
      robust: `bool[... n]`.
      labels: `i32[n]`.
      num_classes: k.

    Returns:
      `f64[... k]`, fractions; NaN for a class without examples.

    >>> robust = np.array([True, False, True])
    >>> class_robust_accuracy(robust, np.array([0, 0, 1]), 2).tolist()
    [0.5, 1.0]
    """
    chex.assert_axis_dimension(robust, -1, len(labels))
    of_class = np.asarray(labels)[:, None] == np.arange(num_classes)
    counts = of_class.sum(0)
    right = np.asarray(robust, np.float64) @ of_class
    return np.where(counts > 0, right / np.maximum(counts, 1), np.nan)


def worst_case(
    curves: Mapping[str, Curve],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per-example worst case of all attacks of a norm, at every radius of any of them.

    An example that is broken at one radius is broken at all larger ones, since its
    adversarial image lies in every larger ball.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.

    Returns:
      norm -> (`f64[e]` radii, ascending; `bool[s e n]` right under every attack).
    """
    robust_at: dict[str, dict[float, np.ndarray]] = {}
    for curve in curves.values():
        for i, row in enumerate(curve.settings):
            of_norm = robust_at.setdefault(row["norm"], {})
            before = of_norm.get(row["eps"], True)
            of_norm[row["eps"]] = before & curve.robust[:, i]
    result = {}
    for norm, by_radius in robust_at.items():
        radii = sorted(by_radius)
        stacked = np.stack([by_radius[radius] for radius in radii], 1)
        result[norm] = np.array(radii), np.logical_and.accumulate(stacked, 1)
    return result


def area_under_curve(eps: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Mean robust accuracy over the radii: trapezoid area over the width of the grid.

    Args:
      eps: `f64[e]`, e at least 2, ascending radii.
      accuracy: `f64[... e]`, fractions.

    Returns:
      `f64[...]`, in [0, 1].

    Raises:
      InputError: fewer than 2 radii, or radii that do not ascend.

    >>> round(float(area_under_curve([0.0, 0.1, 0.3], [1.0, 0.5, 0.0])), 6)
    0.416667
    """
    eps, accuracy = np.asarray(eps, np.float64), np.asarray(accuracy, np.float64)
    if len(eps) < 2 or not (np.diff(eps) > 0).all():
        raise InputError(
            f"area under the epsilon curve over eps {eps.tolist()}; it needs 2 or more "
            "ascending radii"
        )
    chex.assert_axis_dimension(accuracy, -1, len(eps))
    middle = (accuracy[..., 1:] + accuracy[..., :-1]) / 2
    return (middle * np.diff(eps)).sum(-1) / (eps[-1] - eps[0])


def smallest_adversarial_radius(eps: np.ndarray, robust: np.ndarray) -> np.ndarray:
    """The smallest radius at which each example is broken.

    It bounds the distance to the closest adversarial example from above.

    Args:
      eps: `f64[e]`, ascending radii.
      robust: `bool[... e n]`.

    Returns:
      `f64[... n]`; infinity where it is right at every radius.
    """
    chex.assert_axis_dimension(robust, -2, len(eps))
    first = np.argmin(robust, -2)
    return np.where(robust.all(-2), np.inf, np.asarray(eps, np.float64)[first])


def median_perturbation(distances: np.ndarray) -> np.ndarray:
    """Median over examples of the distance to the closest adversarial one.

    Args:
      distances: `f64[... n]`, of `minimal_distances` or
        `smallest_adversarial_radius`; infinity where none was found.

    Returns:
      `f64[...]`: the lower median, which is infinite only if more than half are.
    """
    distances = np.sort(np.asarray(distances, np.float64), -1)
    return distances[..., (distances.shape[-1] - 1) // 2]
