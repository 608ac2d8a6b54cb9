"""Robust membership inference attack (RMIA): share of the population that x outranks.

Source: Zarifzadeh, Liu and Shokri 2024, "Low-cost high-power membership inference
attacks", equations 2 to 5 and 9 (offline).

Differs from the released code in: a rank by sorting in place of the matrix of all
pairs, with the same value; log-probabilities throughout; gamma is 1; the population z
is all audited points, so that the attacker need not know which of them are non-members
of the target, and each of them has its own IN and OUT models.
"""

import jax
import jax.numpy as jnp

from dd_jax.audits.privacy.shadows import shadow_mask
from dd_jax.audits.privacy.signals import log_likelihoods
from dd_jax.types import Array, InputError


def rmia_signal(logits: Array, labels: Array, member: Array) -> Array:
    """The signal of RMIA, `log p_y`: `f32[m n q]`."""
    del member
    return log_likelihoods(logits, labels)


def fraction_below(values: Array, population: Array) -> Array:
    """Fraction of a population that lies strictly below each value.

    `|{z : r_z < r_x}| / Z`, by one sort and a binary search: `O((n + Z) log Z)`.
    Strict, since RMIA counts the z with `r_x / r_z > 1`.

    Args:
      values: `f32[n]`.
      population: `f32[Z]`.

    Returns:
      `f32[n]` in [0, 1].

    >>> fraction_below(jnp.array([0.0, 2.0, 9.0]), jnp.array([1.0, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    below = jnp.searchsorted(jnp.sort(population), values, side="left")
    return below / len(population)


def log_mean(log_p: Array, mask: Array) -> Array:
    """`log mean p` over the marked models, `f32[n q]`; -inf where none is marked."""
    total = jax.nn.logsumexp(log_p, axis=0, where=mask[..., None])
    return total - jnp.log(jnp.maximum(mask.sum(0), 1))[:, None]


def log_ratio(log_p: Array, member: Array, target: Array, a: float | None) -> Array:
    """Log of the ratio of the target's likelihood to the marginal one.

    `log p_t(y|x) - log P(x)`. Online, `P` is the mean of the means over IN and over OUT
    shadows, or the only one that there is; offline it is
    `((1 + a) mean_out p + (1 - a)) / 2`.

    Args:
      log_p: `f32[m n q]`.
      member: `bool[m n]`.
      target: index of the model under attack; may be traced.
      a: None for online; else in [0, 1], the slope of the linear approximation of IN
        by OUT likelihoods (1: they do not differ).

    Returns:
      `f32[n q]`.

    Raises:
      InputError: `a` is out of range.
    """
    shadows = shadow_mask(len(log_p), target)[:, None]
    out = log_mean(log_p, shadows & ~member)
    if a is not None:
        if not 0 <= a <= 1:
            raise InputError(
                f"rmia: a={a}; need None (online) or 0 <= a <= 1 (offline)"
            )
        scaled = jnp.log((1 + a) / 2) + out
        return log_p[target] - jnp.logaddexp(scaled, jnp.log((1 - a) / 2))
    sides = [(shadows & member).any(0), (shadows & ~member).any(0)]
    present = (1.0 * sides[0] + sides[1])[:, None]
    total = jnp.logaddexp(log_mean(log_p, shadows & member), out)
    return log_p[target] - (total - jnp.log(jnp.maximum(present, 1)))


def rmia(
    log_p: Array, member: Array, target: Array, *, a: float | None = None
) -> Array:
    """Fraction of the audited points whose likelihood ratio is below that of a point.

    `mean_q |{z : r_z < r_x}| / n`, `r` as in `log_ratio`.

    Args:
      log_p: `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point; the row of the
        target is not used.
      target: index of the model under attack; may be traced.
      a: see `log_ratio`.

    Returns:
      `f32[n]` in [0, 1), higher = more likely a member.
    """
    ratio = log_ratio(log_p, member, target, a)
    return jax.vmap(fraction_below, in_axes=1, out_axes=1)(ratio, ratio).mean(-1)
