"""The robustness part of a Record, made of epsilon curves."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import (
    area_under_curve,
    class_robust_accuracy,
    median_perturbation,
    robust_accuracy,
    smallest_adversarial_radius,
    worst_case,
)
from dd_jax.audits.robustness.local_behaviour import Behaviour
from dd_jax.audits.robustness.masking import masking_checks
from dd_jax.audits.robustness.ratios import robustness_ratios
from dd_jax.report.intervals import clopper_pearson

Summarise = Callable[[np.ndarray], dict]


def record(
    curves: Mapping[str, Curve],
    summarise: Summarise,
    labels: np.ndarray,
    num_classes: int,
    *,
    groups: np.ndarray | None = None,
    distances: Mapping[str, np.ndarray] | None = None,
    behaviour: Behaviour | None = None,
    **further: Mapping[str, Curve],
) -> dict:
    """The robustness part of a Record for one pipeline.

    Each accuracy has the interval over networks of `summarise`, and `image_ci`, the
    95 % interval over the sample of images: Clopper-Pearson on the mean over networks,
    as if one network had been attacked, which is conservative for several.

    Args:
      curves: attack name -> `Curve`, all on the same networks and images.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over networks.
      labels: `i32[n]` of the images.
      num_classes: k.
      groups: `i32[n]` of the images, or None where they have none.
      distances: attack name -> `f64[s n]` of `minimal_distances`.
      behaviour: of the networks on the clean images.
      **further: evidence for `masking_checks`.

    Returns:
      Fractions and distances:
      - `images`: n, and `clean`: accuracy without attack;
      - `attacks{NAME: [{eps, norm, ..., accuracy}]}`: a row for each radius, with the
        attack's settings; rows of an ensemble have `components{NAME}`, the accuracy
        after each;
      - `worst_case[{eps, norm, accuracy, per_class[k]}]`: `per_class` the mean over
        networks, NaN for a class without images; with groups `by_group{ID}`, the
        accuracy on the images of each that has some;
      - `ratios[{eps, norm, rome, beard}]`: those of `robustness_ratios`;
      - `area{NORM}`: under the worst case, for norms of 2 radii or more;
      - `median_fall{NORM}`: median over images of the smallest radius that breaks one,
        an upper bound of the median perturbation (None where more than half of some
        network's images are right at all radii);
      - `median_perturbation{NAME}`: the median of `distances`, where given;
      - `zero_gradients`: share of images without a gradient, where `behaviour` is;
      - `checks`: those of `masking_checks`.
    """
    on_images = partial(_on_images, summarise)
    worst = worst_case(curves)
    part = {
        "images": len(labels),
        "clean": on_images(next(iter(curves.values())).clean),
        "attacks": {name: _rows(curve, on_images) for name, curve in curves.items()},
        "worst_case": [
            {
                "eps": float(radius),
                "norm": norm,
                "accuracy": on_images(right),
                "per_class": class_robust_accuracy(right, labels, num_classes).mean(0),
            }
            | _by_group(right, groups, on_images)
            for norm, (radii, robust) in worst.items()
            for radius, right in zip(radii, robust.swapaxes(0, 1), strict=True)
        ],
        "ratios": [
            {"eps": eps, "norm": norm}
            | {name: _finite(values, summarise) for name, values in ratios.items()}
            for (norm, eps), ratios in robustness_ratios(curves).items()
        ],
        "area": {
            norm: summarise(area_under_curve(radii, robust_accuracy(robust)))
            for norm, (radii, robust) in worst.items()
            if len(radii) > 1
        },
        "median_fall": {
            norm: _median(smallest_adversarial_radius(*at), summarise)
            for norm, at in worst.items()
        },
        "checks": masking_checks(
            curves, distances=distances, behaviour=behaviour, **further
        ),
    }
    if distances:
        part["median_perturbation"] = {
            name: _median(found, summarise) for name, found in distances.items()
        }
    if behaviour:
        part["zero_gradients"] = summarise(robust_accuracy(behaviour.without_gradient))
    return part


def _on_images(summarise: Summarise, right: np.ndarray) -> dict:
    """Estimates the accuracy of `bool[s n]`, over networks and over images."""
    accuracy, images = robust_accuracy(right), right.shape[-1]
    low, high = clopper_pearson(float(np.mean(accuracy)) * images, images)
    return summarise(accuracy) | {"image_ci": [low, high]}


def _by_group(
    right: np.ndarray, groups: np.ndarray | None, on_images: Summarise
) -> dict[str, dict]:
    """The accuracy of `bool[s n]` on the images of each group."""
    if groups is None:
        return {}
    of = {str(g): on_images(right[:, groups == g]) for g in np.unique(groups)}
    return {"by_group": of}


def _rows(curve: Curve, on_images: Summarise) -> list[dict]:
    """Settings and accuracy of an attack at each radius."""
    rows = [
        row | {"accuracy": on_images(curve.robust[:, i])}
        for i, row in enumerate(curve.settings)
    ]
    if curve.components:
        for i, row in enumerate(rows):
            after = curve.components.items()
            row["components"] = {name: on_images(right[:, i]) for name, right in after}
    return rows


def _median(distances: np.ndarray, summarise: Summarise) -> dict | None:
    return _finite(median_perturbation(distances), summarise)


def _finite(values: np.ndarray, summarise: Summarise) -> dict | None:
    """An estimate; None where it is not known of every network."""
    return summarise(values) if np.isfinite(values).all() else None
