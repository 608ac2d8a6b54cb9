"""Robustness audit: accuracy under attack as a curve over the radius epsilon."""

from collections.abc import Callable, Mapping

import numpy as np

from dd_jax.audits.robustness_checks import masking_checks
from dd_jax.audits.robustness_curve import (
    Curve,
    check_logits,
    epsilon_curve,
    minimal_distances,
)
from dd_jax.audits.robustness_metrics import (
    area_under_curve,
    class_robust_accuracy,
    median_perturbation,
    robust_accuracy,
    smallest_fall,
    worst_case,
)

__all__ = [
    "Curve",
    "area_under_curve",
    "check_logits",
    "class_robust_accuracy",
    "epsilon_curve",
    "masking_checks",
    "median_perturbation",
    "minimal_distances",
    "record",
    "robust_accuracy",
    "smallest_fall",
    "worst_case",
]


def record(
    curves: Mapping[str, Curve], summarise: Callable[[np.ndarray], dict]
) -> dict:
    """The robustness part of a Record for one pipeline.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over nets.

    Returns:
      `{clean, attacks{NAME: [{eps, norm, ..., accuracy}]}, worst_case[{eps, norm,
      accuracy}], area{NORM}, checks}`: fractions, one row a radius with the attack's
      settings; `area` under the worst case, for norms of 2 radii or more; `checks` as
      `masking_checks` gives it.
    """
    clean = next(iter(curves.values())).clean
    worst = worst_case(curves)
    return {
        "clean": summarise(robust_accuracy(clean)),
        "attacks": {
            name: [
                row | {"accuracy": summarise(accuracy)}
                for row, accuracy in zip(
                    curve.settings, robust_accuracy(curve.robust).T, strict=True
                )
            ]
            for name, curve in curves.items()
        },
        "worst_case": [
            {"eps": float(radius), "norm": norm, "accuracy": summarise(accuracy)}
            for norm, (radii, robust) in worst.items()
            for radius, accuracy in zip(radii, robust_accuracy(robust).T, strict=True)
        ],
        "area": {
            norm: summarise(area_under_curve(radii, robust_accuracy(robust)))
            for norm, (radii, robust) in worst.items()
            if len(radii) > 1
        },
        "checks": masking_checks(curves),
    }
