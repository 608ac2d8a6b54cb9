"""Difficulty calibration: the target's log-odds less what the point's models expect.

Sources: Sablayrolles et al. 2019, "White-box vs black-box: Bayes optimal strategies for
membership inference" (midpoint of IN and OUT); Watson et al. 2022, "On the importance
of difficulty calibration in membership inference attacks" (OUT alone).

Differs from the papers in: the signal is the scaled logit, not the loss.
"""

import jax.numpy as jnp

from dd_jax.audits.privacy.leave_out import mean_over, shadows
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array, InputError

OFFSETS = ("midpoint", "out")


def log_odds(logits: Array, labels: Array, member: Array) -> Array:
    """The signal of calibration, the scaled logits: `f32[m n q]`."""
    del member
    return scaled_logits(logits, labels)


def calibrated(
    phi: Array, member: Array, target: Array, *, offset: str = "midpoint"
) -> Array:
    """Excess of the target's log-odds over a point's own threshold.

    `mean_q phi_t - (mu_in + mu_out) / 2` (`midpoint`), or `mean_q phi_t - mu_out`
    (`out`, which needs no model that has seen the point); `mu` are means over the
    shadows. A point that lacks one of two sides is measured from the other; one without
    any scores 0.

    Args:
      phi: scaled logits `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      offset: `midpoint` or `out`.

    Returns:
      `f32[n]`, higher = more likely a member.

    Raises:
      InputError: another offset.
    """
    if offset not in OFFSETS:
        raise InputError(f"offset: {offset!r} is not known; use {', '.join(OFFSETS)}")
    usable = shadows(len(phi), target)[:, None]
    inside, outside = usable & member, usable & ~member
    sides = [outside] if offset == "out" else [inside, outside]
    present = sum(side.any(0)[:, None].astype(phi.dtype) for side in sides)
    expected = sum(mean_over(phi, side) for side in sides) / jnp.maximum(present, 1)
    return jnp.where(present > 0, phi[target] - expected, 0.0).mean(-1)
