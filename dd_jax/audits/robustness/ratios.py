"""Robustness ratios of the benchmarks BEARD and ROME, beside the accuracies."""

from collections.abc import Mapping

import numpy as np

from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import robust_accuracy


def robustness_ratios(
    curves: Mapping[str, Curve],
) -> dict[tuple[str, float], dict[str, np.ndarray]]:
    """ROME's and BEARD's ratio of each network, over all attacks at a norm and radius.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.

    Returns:
      `(norm, eps) -> {rome f64[s], beard f64[s]}` for radii above 0 of two or more
      attacks; NaN for a network that is right on no image.
    """
    attacked: dict[tuple[str, float], dict[str, np.ndarray]] = {}
    for name, curve in curves.items():
        for row, found in zip(curve.settings, robust_accuracy(curve.robust).T):
            if row["eps"] > 0:
                attacked.setdefault((row["norm"], row["eps"]), {})[name] = found
    if not attacked:
        return {}
    clean = robust_accuracy(next(iter(curves.values())).clean)
    kinds = {"rome": rome_robustness_ratio, "beard": beard_robustness_ratio}
    return {
        at: {
            name: np.array(
                [ratio(c, a) for c, a in zip(clean, np.stack([*of.values()], 1))]
            )
            for name, ratio in kinds.items()
        }
        for at, of in sorted(attacked.items())
        if len(of) > 1
    }


def beard_robustness_ratio(clean: float, attacked: np.ndarray) -> float:
    """BEARD's RR: `1 - (A - mean A_att) / (A - min A_att)`.

    It is 0 where all attacks leave the same accuracy, however robust the network: for
    comparison with published tables only.

    Source: Zhou et al. 2024, BEARD.

    Args:
      clean: A, accuracy without attack.
      attacked: `f64[a]`, accuracy under each attack.

    Returns:
      A fraction; 1 where no attack lowers accuracy, NaN where clean accuracy is 0.

    >>> round(100 * beard_robustness_ratio(61.73, [39.13, 40.10, 44.06, 44.93]), 2)
    12.94
    """
    attacked = np.asarray(attacked, np.float64)
    largest = clean - attacked.min()
    if clean == 0:
        return np.nan
    return 1.0 if largest == 0 else float(1 - (clean - attacked.mean()) / largest)


def rome_robustness_ratio(clean: float, attacked: np.ndarray) -> float:
    """ROME's improved RR: `1 - (A - mean A_att) (A - min A_att) / A^2`.

    Source: Zhou et al. 2025, ROME.

    Args:
      clean: A, accuracy without attack.
      attacked: `f64[a]`, accuracy under each attack.

    Returns:
      A fraction: 1 where no attack lowers accuracy, 0 where accuracy is 0 under all,
      NaN where clean accuracy is 0.

    >>> rome_robustness_ratio(0.8, [0.4, 0.2])
    0.53125
    """
    attacked = np.asarray(attacked, np.float64)
    if clean == 0:
        return np.nan
    drops = (clean - attacked.mean()) * (clean - attacked.min())
    return float(1 - drops / clean**2)
