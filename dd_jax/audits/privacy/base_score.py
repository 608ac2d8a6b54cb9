"""BASE: the target's likelihood of a point against the mean one of the shadows.

Source: Lassila, Östman, Ngo and Graell i Amat 2025, "Practical Bayes-optimal membership
inference attacks" (online, and offline with a scale).

Differs from the released code in: the softmax has temperature 1, not 2; the mean over
all shadows is that of the means over IN and over OUT shadows, which agree where a point
is in half of them.

For one target and one query BASE orders the points as RMIA of this package does, which
replaces each ratio by its rank among the points of that target: then both have one AUC,
and differ in figures that pool targets.
"""

import jax.numpy as jnp

from dd_jax.audits.privacy.rmia import log_mean, log_ratio
from dd_jax.audits.privacy.shadows import shadow_mask
from dd_jax.types import Array, InputError


def base(
    log_p: Array, member: Array, target: Array, *, scale: float | None = None
) -> Array:
    """Log-likelihood of the target less the log of the mean likelihood of the shadows.

    `mean_q log p_t - log mean_s p_s`, over all shadows (online), or
    `mean_q log p_t - scale log mean_out p_s`, over OUT shadows (offline; a point that
    has none takes the target's likelihood for theirs).

    Args:
      log_p: `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point; the row of the
        target is not used.
      target: index of the model under attack; may be traced.
      scale: None for online; else in [0, 1]; below 1 it makes up for the IN shadows
        that offline lacks, whose likelihoods are higher.

    Returns:
      `f32[n]`, higher = more likely a member.

    Raises:
      InputError: `scale` is out of range.
    """
    if scale is None:
        return log_ratio(log_p, member, target, None).mean(-1)
    if not 0 <= scale <= 1:
        raise InputError(
            f"base: scale={scale}; need None (online) or 0 <= scale <= 1 (offline)"
        )
    out = shadow_mask(len(log_p), target)[:, None] & ~member
    mean = jnp.where(out.any(0)[:, None], log_mean(log_p, out), log_p[target])
    return (log_p[target] - scale * mean).mean(-1)
