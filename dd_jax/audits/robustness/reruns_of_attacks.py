"""Attacks run again, harder or otherwise, for the masking checks that need it."""

from collections.abc import Callable, Mapping

import numpy as np

from dd_jax.audits.robustness.curve import Curve
from dd_jax.types import InputError

RESTARTS = 5
WHOLE_BOX = 0.5  # Linf radius within which every image can be made plain grey
EVERYTHING = 1.0  # Linf radius within which every image can be made any other
RERUN = ("pgd_linf", "pgd_l2", "apgd_ce", "apgd_dlr")  # in order of preference
OTHERS = {"noise": "noise", "gradient_free": "square", "targeted": "apgd_t"}
EVIDENCE = ("plain", "doubled", "restarted", "wide", *OTHERS)


def telling_radius(curve: Curve) -> float:
    """The radius that leaves nearest to half of the clean accuracy.

    There a stronger or weaker attack shows most; of several such the smallest.

    Raises:
      InputError: a curve without a radius above 0.
    """
    eps = np.array([row["eps"] for row in curve.settings])
    if not (eps > 0).any():
        raise InputError(f"radii {eps.tolist()} hold none above 0 to run attacks again")
    away = np.abs(curve.robust.mean((0, 2)) - curve.clean.mean() / 2)
    return float(eps[np.where(eps > 0, away, np.inf).argmin()])


def reruns(
    attack: Callable[..., Curve], curves: Mapping[str, Curve]
) -> dict[str, dict[str, Curve]]:
    """One ascent of each norm again, and other kinds of attack on what it leaves.

    At its telling radius: as it is, with twice the steps and with 5 restarts; then
    noise, Square and targeted APGD on the images that stand after all three, so that
    each shows what it adds and costs no more than that. In Linf the ascent runs too in
    balls that hold a plain grey image (0.5) and every image (1).

    As it is, since a curve whose fallen images were dropped holds the best of all radii
    up to there.

    Args:
      attack: `(purpose, name, eps f64[e], **settings) -> Curve`, on the nets and the
        images that the curves come from, with a key for each purpose and name, such as
        `square:l2`.
      curves: attack name -> `Curve`; PGD is run again, or APGD where there is none.

    Returns:
      `EVIDENCE` of `masking_checks`, each by the name of the ascent.
    """
    found: dict[str, dict[str, Curve]] = {kind: {} for kind in EVIDENCE}
    norms = {name: curve.settings[0]["norm"] for name, curve in curves.items()}
    for norm, name in ascents(norms).items():
        eps = np.array([telling_radius(curves[name])])
        steps = curves[name].settings[0]["steps"]
        once = attack("plain", name, eps)
        twice = attack("doubled", name, eps, steps=2 * steps)
        often = attack("restarted", name, eps, restarts=RESTARTS)
        found["plain"][name], found["doubled"][name] = once, twice
        found["restarted"][name] = often
        left = (once.robust & twice.robust & often.robust)[:, 0]
        for kind, other in OTHERS.items():
            purpose = f"{kind} for {name}"
            found[kind][name] = attack(purpose, f"{other}:{norm}", eps, among=left)
        if norm == "linf":
            radii = np.array([WHOLE_BOX, EVERYTHING])
            found["wide"][name] = attack("wide", name, radii)
    return found


def ascents(norms: Mapping[str, str]) -> dict[str, str]:
    """The attack to run again in each norm, the first of `RERUN` that there is.

    Args:
      norms: attack name -> its norm.

    Returns:
      norm -> attack name.

    >>> ascents({"apgd_ce:l2": "l2", "pgd_l2": "l2", "square": "linf"})
    {'l2': 'pgd_l2'}
    """
    known = sorted(
        (RERUN.index(kind), name)
        for name in norms
        if (kind := name.partition(":")[0]) in RERUN
    )
    return {norms[name]: name for _, name in reversed(known)}
