"""Difficulty calibration: the target's scaled logit less what the shadows give.

Sources: Sablayrolles et al. 2019, "White-box vs black-box: Bayes optimal strategies for
membership inference" (midpoint of IN and OUT); Watson et al. 2022, "On the importance
of difficulty calibration in membership inference attacks" (OUT only).

Differs from the papers in: the signal is the scaled logit, not the loss.
"""

import jax.numpy as jnp

from dd_jax.audits.privacy.shadows import masked_mean, shadow_mask
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array


def calibration_signal(logits: Array, labels: Array, member: Array) -> Array:
    """The signal of calibration, the scaled logits: `f32[m n q]`."""
    del member
    return scaled_logits(logits, labels)


def calibrated(phi: Array, member: Array, target: Array) -> Array:
    """Scaled logit of the target less the midpoint of IN and OUT shadows.

    `mean_q phi_t - (mu_in + mu_out) / 2`; `mu` are means over the shadows. A point that
    lacks one side is compared with the other; one without shadows scores 0.

    Args:
      phi: scaled logits `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    shadows = shadow_mask(len(phi), target)[:, None]
    return _excess(phi, target, [shadows & member, shadows & ~member])


def calibrated_out(phi: Array, member: Array, target: Array) -> Array:
    """Scaled logit of the target less the mean over OUT shadows.

    `mean_q phi_t - mu_out`; a point without OUT shadows scores 0. Arguments and result
    as in `calibrated`.
    """
    shadows = shadow_mask(len(phi), target)[:, None]
    return _excess(phi, target, [shadows & ~member])


def _excess(phi: Array, target: Array, sides: list[Array]) -> Array:
    present = sum(side.any(0)[:, None].astype(phi.dtype) for side in sides)
    expected = sum(masked_mean(phi, side) for side in sides) / jnp.maximum(present, 1)
    return jnp.where(present > 0, phi[target] - expected, 0.0).mean(-1)
