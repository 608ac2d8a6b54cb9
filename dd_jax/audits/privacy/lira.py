"""Likelihood-ratio attack (LiRA): is the target's log-odds likelier under IN or OUT.

The shadow models that trained on a point (IN) and those that did not (OUT) each give a
Gaussian for the point's scaled logit; the target's value is judged by the two.

Source: Carlini et al. 2022, "Membership inference attacks from first principles",
algorithm 1 (online) and section V-C (offline).

Differs from the released code in: the logit scaling never passes through
probabilities; the fixed variance centres each point's values by their own mean before
pooling, and keeps IN and OUT apart; offline is one-sided; the standard deviation has a
floor of 1e-6 in place of 1e-30, so that f32 stays finite.
"""

import jax.numpy as jnp
from jax.scipy.stats import norm

from dd_jax.types import Array, InputError

FEW_SHADOWS = 64
FLOOR = 1e-6


def variance_used(models: int, variance: str = "auto") -> str:
    """Names the variance that LiRA uses; the Record carries this name.

    Args:
      models: number of models, the target and its complement included.
      variance: `per_example` (one a point and side), `fixed` (one a side, shared by
        all points: steadier with few shadows), or `auto`: fixed below 64 shadows.

    Returns:
      `fixed` or `per_example`.

    Raises:
      InputError: another name.

    >>> variance_used(16), variance_used(66)
    ('fixed', 'per_example')
    """
    if variance not in ("auto", "fixed", "per_example"):
        raise InputError(
            f"variance: {variance!r} is not known; use auto, fixed or per_example"
        )
    if variance != "auto":
        return variance
    return "fixed" if models - 2 < FEW_SHADOWS else "per_example"


def shadows(models: int, target: Array) -> Array:
    """Marks the models that may serve as shadows of a target: `bool[m]`.

    Left out are the target and its complement, row `target ^ 1`. With the complement
    kept, a point that the target has not seen would have one more IN shadow than a
    point that it has, and the null would drift below an AUC of 0.5.
    """
    rows = jnp.arange(models)
    return (rows != target) & (rows != target ^ 1)


def _median(values: Array, mask: Array) -> Array:
    """Median over the marked models, `f32[n q]`; 0 where none is marked."""
    count = jnp.broadcast_to(mask.sum(0), values.shape[1:])
    ordered = jnp.sort(jnp.where(mask, values, jnp.inf), axis=0)
    at = lambda rank: jnp.take_along_axis(ordered, rank[None], axis=0)[0]
    middle = 0.5 * at(jnp.maximum(count - 1, 0) // 2) + 0.5 * at(count // 2)
    return jnp.where(count > 0, middle, 0.0)


def _spread(values: Array, mask: Array, variance: str) -> Array:
    """Standard deviation over the marked models: `f32[n q]`, or `f32[q]` if fixed.

    A point with fewer than two marked models has no spread of its own and takes the
    fixed one.
    """
    count = mask.sum(0)
    mean = jnp.sum(values, axis=0, where=mask) / jnp.maximum(count, 1)
    squares = jnp.where(mask, (values - mean) ** 2, 0.0)
    pooled = jnp.sqrt(squares.sum((0, 1)) / jnp.maximum(count.sum(), 1))
    if variance == "fixed":
        return jnp.maximum(pooled, FLOOR)
    own = jnp.sqrt(squares.sum(0) / jnp.maximum(count, 1))
    return jnp.maximum(jnp.where(count > 1, own, pooled), FLOOR)


def online(phi: Array, member: Array, target: Array, *, variance: str = "auto"):
    """Log-likelihood ratio of IN to OUT.

    `mean_q log N(phi_t; mu_in, s_in) - log N(phi_t; mu_out, s_out)`, with medians as
    locations. A point without an IN shadow, or without an OUT one, scores 0: no
    evidence either way.

    Args:
      phi: scaled logits `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    variance = variance_used(len(phi), variance)
    usable = shadows(len(phi), target)[:, None]
    sides = [(usable & side)[..., None] for side in (member, ~member)]
    inside, outside = (
        norm.logpdf(phi[target], _median(phi, side), _spread(phi, side, variance))
        for side in sides
    )
    both = sides[0].any(0) & sides[1].any(0)
    return jnp.where(both, inside - outside, 0.0).mean(-1)


def offline(phi: Array, member: Array, target: Array, *, variance: str = "auto"):
    """Surprise at so high a log-odds from a model that has not seen the point.

    `mean_q -log P[N(mu_out, s_out) > phi_t]`: one-sided, from OUT shadows only. A
    point without any scores as one at its OUT median would, log 2.

    Args:
      phi: scaled logits `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, not negative, higher = more likely a member.
    """
    variance = variance_used(len(phi), variance)
    out = (shadows(len(phi), target)[:, None] & ~member)[..., None]
    z = (phi[target] - _median(phi, out)) / _spread(phi, out, variance)
    return -norm.logcdf(-jnp.where(out.any(0), z, 0.0)).mean(-1)
