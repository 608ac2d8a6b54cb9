"""How much more uneven classes are after distillation than after other training."""

import numpy as np

from dd_jax.audits.fairness import class_gap, worst_class
from dd_jax.report.intervals import bootstrap_difference


def amplification(accuracy: np.ndarray, reference: np.ndarray) -> dict[str, dict]:
    """Differences of the class gap and of the worst class from a reference.

    `gap(mean_i a_i) - gap(mean_j r_j)` with `gap(a) = max_c a_c - min_c a_c`, and the
    same of `min_c a_c`. Means come first: the gap of the mean of few networks is still
    biased upwards and its minimum downwards, of which the `bias` of the bootstrap is an
    estimate, and which its interval is corrected for. It is over networks, or sets, and
    not over other test images.

    Args:
      accuracy: `f64[s k]`, by class, of s networks.
      reference: `f64[t k]`, such as on full data or a random subset.

    Returns:
      `{class_gap, worst_class}`, each `{mean, ci, n, bias}`, see
      `intervals.bootstrap_difference`; a gap above 0 and a worst class below 0 are
      less even than the reference.
    """
    return {
        "class_gap": bootstrap_difference(class_gap, accuracy, reference),
        "worst_class": bootstrap_difference(worst_class, accuracy, reference),
    }
