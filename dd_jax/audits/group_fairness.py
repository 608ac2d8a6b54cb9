"""Fairness between groups: equalised odds, demographic parity, accuracy of each.

NumPy on arrays of predictions, labels and groups.
"""

from collections.abc import Callable

import chex
import numpy as np

from dd_jax.audits.recall import check_shapes, recall
from dd_jax.types import InputError


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
    check_shapes(predictions, labels)
    chex.assert_equal_shape([labels, groups])
    _, groups = np.unique(groups, return_inverse=True)
    rates = recall(predictions, labels, groups, num_classes)
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


def demographic_parity(
    predictions: np.ndarray, groups: np.ndarray, num_classes: int
) -> np.ndarray:
    """Demographic parity gap over classes.

    `max_c (max_g P(y^ = c | group g) - min_g P(y^ = c | group g))`. It does not look at
    labels: where groups hold other shares of the classes, a network that is always
    right has a gap too.

    Source: Dwork, Hardt, Pitassi, Reingold and Zemel, "Fairness through awareness",
    2012, as statistical parity of two groups and classes; the two maxima are added.

    Args:
      predictions: `i32[... n]`; leading axes are networks.
      groups: `i32[n]`, group ids.
      num_classes: k.

    Returns:
      `f64[...]` in [0, 1]; 0 for one group.

    >>> rows = np.array([0, 0, 1, 1]), np.array([7, 7, 7, 9])
    >>> round(float(demographic_parity(*rows, 2)), 3)
    0.667
    """
    check_shapes(predictions, groups)
    each = np.arange(num_classes)
    shares = np.stack(
        [
            (predictions[..., groups == group, None] == each).mean(-2)
            for group in np.unique(groups)
        ]
    )
    return (shares.max(0) - shares.min(0)).max(-1)


def by_group(right: np.ndarray, groups: np.ndarray) -> dict[int, np.ndarray]:
    """Accuracy on the rows of each group that there is.

    Args:
      right: `bool[... n]`, whether a network is right on a row.
      groups: `i32[n]`, group ids.

    Returns:
      `{group: f64[...]}`, fractions, by rising id.

    >>> by_group(np.array([True, False, True]), np.array([4, 4, 2]))
    {2: np.float64(1.0), 4: np.float64(0.5)}
    """
    return {int(g): right[..., groups == g].mean(-1) for g in np.unique(groups)}


def record(
    predictions: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    num_classes: int,
    summarise: Callable[[np.ndarray], dict],
) -> dict:
    """What the fairness part of a Record says of the groups of one pipeline.

    Args:
      predictions: `i32[s n]` of s networks on the test rows.
      labels: `i32[n]`.
      groups: `i32[n]`, group ids.
      num_classes: k.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over networks.

    Returns:
      `{deo_max, deo_mean, demographic_parity, worst_group}` and `by_group{ID}`, the
      accuracy of each, as estimates over networks; `worst_group` is the worst of each
      network, with `of_mean`, the minimum of the means over networks; fractions.
      `smallest_cell`: rows of the class and group that have the fewest; 0 where a class
      has no row of some group.
    """
    deo_max, deo_mean = equalised_odds(predictions, labels, groups, num_classes)
    accuracy = by_group(predictions == labels, groups)
    of_each = np.stack([*accuracy.values()])
    worst = {"of_mean": float(of_each.mean(1).min())}
    parity = demographic_parity(predictions, groups, num_classes)
    cells = [np.bincount(labels[groups == g], minlength=num_classes) for g in accuracy]
    return {
        "deo_max": summarise(deo_max),
        "deo_mean": summarise(deo_mean),
        "demographic_parity": summarise(parity),
        "worst_group": summarise(of_each.min(0)) | worst,
        "by_group": {str(g): summarise(values) for g, values in accuracy.items()},
        "smallest_cell": int(np.min(cells)),
    }
