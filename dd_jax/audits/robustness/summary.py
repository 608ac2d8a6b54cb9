"""Robustness audit: accuracy under attack as a curve over the radius epsilon."""

from collections.abc import Callable, Mapping

import numpy as np

from dd_jax.audits.robustness.checks_of_masking import masking_checks
from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import (
    area_under_curve,
    class_robust_accuracy,
    median_perturbation,
    robust_accuracy,
    smallest_fall,
    worst_case,
)
from dd_jax.audits.robustness.local_behaviour import Behaviour
from dd_jax.audits.robustness.ratios import robustness_ratios
from dd_jax.intervals import clopper_pearson


def record(
    curves: Mapping[str, Curve],
    summarise: Callable[[np.ndarray], dict],
    labels: np.ndarray,
    num_classes: int,
    *,
    distances: Mapping[str, np.ndarray] | None = None,
    behaviour: Behaviour | None = None,
    **further: Mapping[str, Curve],
) -> dict:
    """The robustness part of a Record for one pipeline.

    Beside what `summarise` says of the spread over nets, each accuracy has `image_ci`,
    the 95 % interval for the draw of the images: Clopper-Pearson on the mean over nets,
    as if one net had been attacked, which errs towards wide for several.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over nets.
      labels: `i32[n]` of the images.
      num_classes: k.
      distances: attack name -> `f64[s n]` of `minimal_distances`.
      behaviour: of the nets on the clean images.
      **further: further evidence of `masking_checks`.

    Returns:
      `{images, clean, attacks{NAME: [{eps, norm, ..., accuracy}]}, worst_case[{eps,
      norm, accuracy, per_class[k]}], ratios[{eps, norm, rome, beard}], area{NORM},
      median_fall{NORM}, median_perturbation{NAME}, zero_gradients, checks}`: fractions
      and distances, one row a radius with the attack's settings; `per_class` the mean
      over nets, NaN for a class without images; `ratios` as `robustness_ratios` gives
      them; `area` under the worst case, for norms of 2 radii or more; `median_fall` the
      median over images of the smallest radius that breaks one, which bounds the median
      perturbation from above (None where more than half of some net's images stand at
      all radii); `median_perturbation` the same of `distances`, where given;
      `zero_gradients` the share of images without a gradient, where `behaviour` is
      given; `checks` as `masking_checks` gives it. Rows of an attack of several
      components have `components{NAME}`, the accuracy after each.
    """
    clean = next(iter(curves.values())).clean
    worst = worst_case(curves)
    images = clean.shape[-1]

    def known(values: np.ndarray) -> dict | None:
        return summarise(values) if np.isfinite(values).all() else None

    def of_images(accuracy: np.ndarray) -> dict:
        low, high = clopper_pearson(float(np.mean(accuracy)) * images, images)
        return summarise(accuracy) | {"image_ci": [low, high]}

    def after(curve: Curve, i: int) -> dict:
        parts = (curve.components or {}).items()
        of = {part: of_images(robust_accuracy(right[:, i])) for part, right in parts}
        return {"components": of} if of else {}

    medians = {
        name: known(median_perturbation(found))
        for name, found in (distances or {}).items()
    }
    part = {
        "images": images,
        "clean": of_images(robust_accuracy(clean)),
        "attacks": {
            name: [
                row | {"accuracy": of_images(accuracy)} | after(curve, i)
                for i, (row, accuracy) in enumerate(
                    zip(curve.settings, robust_accuracy(curve.robust).T, strict=True)
                )
            ]
            for name, curve in curves.items()
        },
        "worst_case": [
            {
                "eps": float(radius),
                "norm": norm,
                "accuracy": of_images(robust_accuracy(right)),
                "per_class": class_robust_accuracy(right, labels, num_classes).mean(0),
            }
            for norm, (radii, robust) in worst.items()
            for radius, right in zip(radii, robust.swapaxes(0, 1), strict=True)
        ],
        "ratios": [
            {"eps": eps, "norm": norm}
            | {name: known(values) for name, values in ratios.items()}
            for (norm, eps), ratios in robustness_ratios(curves).items()
        ],
        "area": {
            norm: summarise(area_under_curve(radii, robust_accuracy(robust)))
            for norm, (radii, robust) in worst.items()
            if len(radii) > 1
        },
        "median_fall": {
            norm: known(median_perturbation(smallest_fall(radii, robust)))
            for norm, (radii, robust) in worst.items()
        },
        "checks": masking_checks(
            curves, distances=distances, behaviour=behaviour, **further
        ),
    }
    if medians:
        part["median_perturbation"] = medians
    if behaviour:
        part["zero_gradients"] = summarise(robust_accuracy(behaviour.without_gradient))
    return part
