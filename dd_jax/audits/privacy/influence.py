"""How much each cell of a table of scores moves a membership figure.

A cell is a target and a point. The sum of its influences is, to first order, how far an
estimate is from what it estimates; `crossed_variance` turns them into its variance.
"""

import numpy as np


def share_below(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Share of `of` below each value; ties count one half."""
    ordered = np.sort(of)
    sides = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return sum(sides) / (2 * len(of))


def of_mean_auc(scores: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Influence on the AUC averaged over targets.

    For a member of target t, `(P[s_out < s] - AUC_t) / (m n_in)`, with ties one half;
    for a non-member `(P[s_in > s] - AUC_t) / (m n_out)`; and for each cell
    `(AUC_t - AUC) / (m n)`, how much more this target leaks than the others.

    Args:
      scores: `f64[m n]`.
      member: `bool[m n]`; each row has members and non-members.

    Returns:
      `f64[m n]`, of sum 0.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988 (placements).
    """
    found, areas = np.zeros(scores.shape), np.zeros(len(scores))
    for t, (row, inside) in enumerate(zip(scores, member, strict=True)):
        own, others = row[inside], row[~inside]
        below, above = share_below(own, others), 1 - share_below(others, own)
        areas[t] = below.mean()
        found[t, inside] = (below - areas[t]) / len(own)
        found[t, ~inside] = (above - areas[t]) / len(others)
    of_target = (areas - areas.mean())[:, None] / scores.shape[1]
    return (found + of_target) / len(scores)


def of_rates(
    called: np.ndarray, member: np.ndarray, weight: float
) -> tuple[float, np.ndarray]:
    """`TPR - weight FPR` of pooled calls, and the influence on it.

    With weight 1 twice the balanced accuracy, less 1; with the slope of the ROC there,
    the influence is that on the TPR at a fixed FPR, whose threshold moves with the
    non-members.

    Args:
      called: `bool[m n]`, whether the point is called a member of the target.
      member: `bool[m n]`.
      weight: of the FPR.

    Returns:
      The difference, and its influences `f64[m n]`, of sum 0.
    """
    tpr, fpr = called[member].mean(), called[~member].mean()
    of_members = (called - tpr) / member.sum()
    of_others = (called - fpr) / (~member).sum()
    return tpr - weight * fpr, np.where(member, of_members, -weight * of_others)
