"""Accuracies of attacks held against each other, for the masking checks."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from dd_jax.audits.robustness.curve import Curve


def kind(name: str) -> str:
    """The registered attack of a name such as `square:l2`."""
    return name.partition(":")[0]


def by_radius(curve: Curve) -> dict[tuple[str, float], float]:
    """Accuracy over nets and images under `(norm, eps)`."""
    return {
        (row["norm"], row["eps"]): float(curve.robust[:, i].mean())
        for i, row in enumerate(curve.settings)
    }


def strongest(curves: Mapping[str, Curve], leave_out=()) -> dict:
    """Least accuracy that any of the attacks leaves, under `(norm, eps)`."""
    least: dict[tuple[str, float], float] = {}
    for name, curve in curves.items():
        if kind(name) not in leave_out:
            for at, value in by_radius(curve).items():
                least[at] = min(value, least.get(at, 1.0))
    return least


def excess(accuracy: dict, *others: Curve) -> list[float]:
    """How much more than each other attack is left, wherever both were run."""
    return [
        accuracy[at] - value
        for other in others
        for at, value in by_radius(other).items()
        if at in accuracy
    ]


def taken(curves: Mapping[str, Curve], harder: Mapping[str, Curve]) -> list[float]:
    """What the same attacks take away when they try harder, wherever both were run."""
    return [
        taken
        for name, curve in harder.items()
        if name in curves
        for taken in excess(by_radius(curves[name]), curve)
    ]


def added(curves: Mapping[str, Curve] | None) -> list[float]:
    """What each attack takes from the images that it was given."""
    return [
        float(curve.clean.mean() - robust.mean())
        for curve in (curves or {}).values()
        for robust in curve.robust.swapaxes(0, 1)
    ]


def none_above(values: list[float], limit: float) -> bool | None:
    """Whether all values are at most the limit; None without any."""
    return max(values) <= limit if values else None


def equal_at_zero(curves: Mapping[str, Curve]) -> list[bool]:
    """Whether the same images are right at radius 0 as without attack, wherever run."""
    return [
        np.array_equal(curve.robust[:, i], curve.clean)
        for curve in curves.values()
        for i, row in enumerate(curve.settings)
        if row["eps"] == 0
    ]


def rises(curves: Mapping[str, Curve]) -> list[float]:
    """What a larger radius leaves more than a smaller one, of iterative attacks.

    Noise is none, and where fallen images were dropped nothing can rise.
    """
    found = []
    for name, curve in curves.items():
        first = curve.settings[0]
        if first["steps"] > 1 and kind(name) != "noise" and not first.get("dropped"):
            accuracy = [value for _, value in sorted(by_radius(curve).items())]
            found += [larger - less for less, larger in combinations(accuracy, 2)]
    return found


def gaps(curves: Mapping[str, Curve], leave_out=()) -> list[float]:
    """What an iterative ascent leaves more than a single step, where both were run."""
    steps = lambda curve: curve.settings[0]["steps"]
    ascents = {name: c for name, c in curves.items() if kind(name) not in leave_out}
    once = [curve for curve in ascents.values() if steps(curve) == 1]
    return [
        gap
        for curve in ascents.values()
        if steps(curve) > 1
        for gap in excess(by_radius(curve), *once)
    ]
