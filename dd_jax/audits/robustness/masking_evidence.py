"""Attacks run again, stronger or of another kind: evidence for the masking checks."""

import inspect
from collections.abc import Callable, Mapping

import numpy as np

from dd_jax.attacks import ATTACKS
from dd_jax.audits.robustness.curve import Curve
from dd_jax.catalogue.naming import attack_of
from dd_jax.types import InputError

RESTARTS = 5
GREY_RADIUS = 0.5  # Linf radius within which every image can become plain grey
WHOLE_RADIUS = 1.0  # Linf radius within which every image can become any other
OTHERS = {"noise": "noise", "gradient_free": "square", "targeted": "apgd_t"}
EVIDENCE = ("plain", "doubled", "restarted", "wide", *OTHERS)


def radius_at_half_accuracy(curve: Curve) -> float:
    """The radius at which robust accuracy is nearest to half of clean accuracy.

    There a stronger or weaker attack shows most; of several such the smallest.

    Raises:
      InputError: a curve without a radius above 0.
    """
    eps = np.array([row["eps"] for row in curve.settings])
    if not (eps > 0).any():
        raise InputError(f"radii {eps.tolist()} hold none above 0 to run attacks again")
    distance = np.abs(curve.robust.mean((0, 2)) - curve.clean.mean() / 2)
    return float(eps[np.where(eps > 0, distance, np.inf).argmin()])


def reruns(
    attack: Callable[..., Curve], curves: Mapping[str, Curve]
) -> dict[str, dict[str, Curve]]:
    """One ascent of each norm again, and other kinds of attack on what it leaves right.

    At `radius_at_half_accuracy`: with unchanged settings, with twice the steps and with
    5 restarts; then noise, Square and targeted APGD on the images that are right after
    all three, so that each shows what it adds and costs no more than that. In Linf the
    ascent also runs in balls that hold a plain grey image (0.5) and every image (1).

    It runs with unchanged settings since a curve that drops broken images holds the
    best attack of all radii up to this one.

    Args:
      attack: `(purpose, name, eps f64[e], **settings) -> Curve`, on the networks and
        images of the curves, with a key for each purpose and name, such as `square:l2`.
      curves: attack name -> `Curve`; `ascents` says which are run again.

    Returns:
      `EVIDENCE` of `masking_checks`, each by the name of the ascent.
    """
    found: dict[str, dict[str, Curve]] = {evidence: {} for evidence in EVIDENCE}
    norms = {name: curve.settings[0]["norm"] for name, curve in curves.items()}
    for norm, name in ascents(norms).items():
        eps = np.array([radius_at_half_accuracy(curves[name])])
        steps = curves[name].settings[0]["steps"]
        plain = attack("plain", name, eps)
        doubled = attack("doubled", name, eps, steps=2 * steps)
        restarted = attack("restarted", name, eps, restarts=RESTARTS)
        found["plain"][name], found["doubled"][name] = plain, doubled
        found["restarted"][name] = restarted
        still_right = (plain.robust & doubled.robust & restarted.robust)[:, 0]
        for evidence, other in OTHERS.items():
            purpose = f"{evidence} for {name}"
            further = attack(purpose, f"{other}:{norm}", eps, among=still_right)
            found[evidence][name] = further
        if norm == "linf":
            radii = np.array([GREY_RADIUS, WHOLE_RADIUS])
            found["wide"][name] = attack("wide", name, radii)
    return found


def ascents(norms: Mapping[str, str]) -> dict[str, str]:
    """The attack to run again in each norm: an ascent with steps and restarts to raise.

    Of several the one of fewest steps by default, whose reruns cost least.

    Args:
      norms: attack name -> its norm; a name may go on with options, as `apgd_ce:l2`.

    Returns:
      norm -> attack name.

    >>> ascents({"apgd_ce:l2": "l2", "pgd_l2": "l2", "square": "linf"})
    {'l2': 'pgd_l2'}
    """
    known = []
    for name in norms:
        make = ATTACKS[attack_of(name)[0]]
        options = inspect.signature(make).parameters
        if {"steps", "restarts"} <= set(options) and make(eps=0.0).kind == "ascent":
            known.append((options["steps"].default, name))
    return {norms[name]: name for _, name in sorted(known, reverse=True)}
