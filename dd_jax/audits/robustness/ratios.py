"""Ratios that robustness benchmarks of distilled data print, beside the accuracies."""

from collections.abc import Mapping

import numpy as np

from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import robust_accuracy


def robustness_ratios(
    curves: Mapping[str, Curve],
) -> dict[tuple[str, float], dict[str, np.ndarray]]:
    """ROME's and BEARD's ratio of each network, over all attacks of a norm and radius.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.

    Returns:
      `(norm, eps) -> {rome f64[s], beard f64[s]}` for radii above 0 that two or more
      attacks used; NaN for a network that is right on no image.
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

    A relative score, 0 for attacks that all do the same whatever the robustness; for
    comparison with published tables only.

    Source: Zhou et al. 2024, BEARD.

    Args:
      clean: A, accuracy without attack.
      attacked: `f64[a]`, accuracy under each attack.

    Returns:
      A fraction; 1 where no attack does anything, NaN where nothing is right anyway.

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
      A fraction: 1 where no attack does anything, 0 where all leave nothing, NaN where
      nothing is right anyway.

    >>> rome_robustness_ratio(0.8, [0.4, 0.2])
    0.53125
    """
    attacked = np.asarray(attacked, np.float64)
    if clean == 0:
        return np.nan
    drops = (clean - attacked.mean()) * (clean - attacked.min())
    return float(1 - drops / clean**2)


def beard_attack_efficiency(clean_seconds: float, seconds: np.ndarray) -> float:
    """BEARD's AE: `(mean t_att - t_clean) / (max t_att - t_clean)`.

    It measures the attacker's hardware; for comparison with published tables only.

    Source: Zhou et al. 2024, BEARD.

    Args:
      clean_seconds: time without attack.
      seconds: `f64[a]`, time under each attack.

    Returns:
      A fraction; NaN where no attack takes longer.

    >>> round(100 * beard_attack_efficiency(2.29, [2.85, 8.32, 8.50, 73.75]), 2)
    29.48
    """
    seconds = np.asarray(seconds, np.float64)
    longest = seconds.max() - clean_seconds
    return float((seconds.mean() - clean_seconds) / longest) if longest > 0 else np.nan


def beard_crei(ratio: float, efficiency: float, weight: float = 0.5) -> float:
    """BEARD's CREI: `weight * RR + (1 - weight) * AE`.

    Source: Zhou et al. 2024, BEARD.

    Args:
      ratio: RR.
      efficiency: AE.
      weight: alpha, in [0, 1].

    Returns:
      A fraction.

    >>> beard_crei(0.2, 0.4)
    0.30000000000000004
    """
    return weight * ratio + (1 - weight) * efficiency
