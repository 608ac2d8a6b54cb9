"""Differences between the accuracies that attacks leave, for the masking checks."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np

from dd_jax.audits.robustness.curve import Curve

GRADIENT_FREE = ("search", "sampling")  # kinds of attacks


def accuracy_by_radius(curve: Curve) -> dict[tuple[str, float], float]:
    """Mean robust accuracy over networks and images, by `(norm, eps)`."""
    return {
        (row["norm"], row["eps"]): float(curve.robust[:, i].mean())
        for i, row in enumerate(curve.settings)
    }


def lowest_accuracy(
    curves: Mapping[str, Curve], without: Collection[str] = ()
) -> dict[tuple[str, float], float]:
    """Accuracy under the strongest attack, by `(norm, eps)`.

    Args:
      curves: attack name -> `Curve`.
      without: kinds of attacks that do not count.
    """
    lowest: dict[tuple[str, float], float] = {}
    for curve in curves.values():
        if curve.kind not in without:
            for at, value in accuracy_by_radius(curve).items():
                lowest[at] = min(value, lowest.get(at, 1.0))
    return lowest


def difference(accuracy: Mapping, *others: Curve) -> list[float]:
    """`accuracy` less that under each other attack, at each norm and radius of both."""
    return [
        accuracy[at] - value
        for other in others
        for at, value in accuracy_by_radius(other).items()
        if at in accuracy
    ]


def accuracy_drop(
    curves: Mapping[str, Curve], stronger: Mapping[str, Curve]
) -> list[float]:
    """How much lower accuracy is under stronger settings of the same attack."""
    return [
        drop
        for name, curve in stronger.items()
        if name in curves
        for drop in difference(accuracy_by_radius(curves[name]), curve)
    ]


def extra_drop(curves: Mapping[str, Curve] | None) -> list[float]:
    """How much each attack lowers the accuracy on the images that it is given."""
    return [
        float(curve.clean.mean() - robust.mean())
        for curve in (curves or {}).values()
        for robust in curve.robust.swapaxes(0, 1)
    ]


def at_most(values: list[float], limit: float) -> bool | None:
    """Whether all values are at most the limit; None without any."""
    return max(values) <= limit if values else None


def clean_at_zero(curves: Mapping[str, Curve]) -> list[bool]:
    """Whether at radius 0 the same images are right as without attack."""
    return [
        np.array_equal(curve.robust[:, i], curve.clean)
        for curve in curves.values()
        for i, row in enumerate(curve.settings)
        if row["eps"] == 0
    ]


def non_monotone(curves: Mapping[str, Curve]) -> list[float]:
    """Accuracy at a larger radius less that at a smaller one, of iterative attacks.

    Independent samples are not iterative, and curves that drop broken images never
    increase.
    """
    found = []
    for curve in curves.values():
        first = curve.settings[0]
        iterative = first["steps"] > 1 and curve.kind != "sampling"
        if iterative and not first.get("dropped"):
            accuracy = [value for _, value in sorted(accuracy_by_radius(curve).items())]
            found += [large - small for small, large in combinations(accuracy, 2)]
    return found


def iterative_gap(curves: Mapping[str, Curve]) -> list[float]:
    """Accuracy under iterative ascents less that under single steps.

    Gradient-free and distance-minimising attacks may be weaker than a single step at a
    given radius, and are left out.
    """
    steps = lambda curve: curve.settings[0]["steps"]
    left_out = (*GRADIENT_FREE, "distance")
    ascents = [curve for curve in curves.values() if curve.kind not in left_out]
    single = [curve for curve in ascents if steps(curve) == 1]
    return [
        gap
        for curve in ascents
        if steps(curve) > 1
        for gap in difference(accuracy_by_radius(curve), *single)
    ]
