"""Attacks run again, harder or at random, for the masking checks that need it."""

from collections.abc import Callable, Mapping

import numpy as np

from dd_jax.audits.robustness_curve import Curve
from dd_jax.types import InputError

RESTARTS = 5
DRAWS = 100  # of noise
WHOLE_BOX = 0.5  # Linf radius within which every image can be made plain grey
RERUN = ("pgd_linf", "pgd_l2")


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
    """PGD as it is, with twice the steps and with 5 restarts, and noise, at one radius.

    In Linf also once in a ball that holds a plain grey image.

    As it is, since a curve whose fallen images were dropped holds the best of all radii
    up to there.

    Args:
      attack: `(purpose, name, eps f64[1], **settings) -> Curve`, on the nets and the
        images that the curves come from, with a key for each purpose and name.
      curves: attack name -> `Curve`; those of PGD are run again.

    Returns:
      `plain`, `doubled`, `restarted`, `noise` and `wide` of `masking_checks`, each by
      name.
    """
    kinds = ("plain", "doubled", "restarted", "noise", "wide")
    found: dict[str, dict[str, Curve]] = {kind: {} for kind in kinds}
    for name in (name for name in RERUN if name in curves):
        eps = np.array([telling_radius(curves[name])])
        steps, norm = (curves[name].settings[0][key] for key in ("steps", "norm"))
        again, noisy = {"steps": steps, "restarts": RESTARTS}, f"noise for {name}"
        found["plain"][name] = attack("attack", name, eps, steps=steps)
        found["doubled"][name] = attack("doubled", name, eps, steps=2 * steps)
        found["restarted"][name] = attack("restarted", name, eps, **again)
        found["noise"][name] = attack(noisy, "noise", eps, norm=norm, steps=DRAWS)
        if norm == "linf":
            box = np.array([WHOLE_BOX])
            found["wide"][name] = attack("wide", name, box, steps=steps)
    return found
