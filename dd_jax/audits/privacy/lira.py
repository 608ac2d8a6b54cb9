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

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.stats import norm

from dd_jax.audits.privacy.leave_out import shadows
from dd_jax.audits.privacy.signals import scaled_logits
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


class Side(NamedTuple):
    """The models on one side of each point, IN or OUT, ordered once for all targets.

    Attributes:
      mask: `bool[m n]`, true where the model is on this side.
      ordered: `f32[m n q]`, its scaled logits rising over the first axis, then
        infinities.
      place: `i32[m n q]`, where each model's value stands; m if it is not here.
    """

    mask: Array
    ordered: Array
    place: Array


class Sides(NamedTuple):
    """What LiRA compares: scaled logits `f32[m n q]` and their two sides."""

    phi: Array
    inside: Side
    outside: Side


def sides(logits: Array, labels: Array, member: Array) -> Sides:
    """Scaled logits of all models, sorted over the models of either side.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`.
    """
    phi = scaled_logits(logits, labels)
    return Sides(phi, *(_side(phi, mask) for mask in (member, ~member)))


def _side(phi: Array, mask: Array) -> Side:
    values = jnp.where(mask[..., None], phi, jnp.inf)
    order = jnp.argsort(values, axis=0)
    ordered = jnp.take_along_axis(values, order, axis=0)
    place = jnp.where(mask[..., None], jnp.argsort(order, axis=0), len(phi))
    return Side(mask, ordered, place)


def _median(side: Side, target: Array) -> Array:
    """Median over the shadows of one side, `f32[n q]`; 0 where there is none.

    The target and its complement are stepped over in the order of all models.
    """
    gone = side.place[target], side.place[target ^ 1]
    first, second = jnp.minimum(*gone), jnp.maximum(*gone)
    models = len(side.mask)
    count = side.mask.sum(0)[:, None] - (first < models) - (second < models)

    def at(rank: Array) -> Array:
        rank += rank >= first
        rank += rank >= second
        return jnp.take_along_axis(side.ordered, rank[None], axis=0)[0]

    middle = 0.5 * at(jnp.maximum(count - 1, 0) // 2) + 0.5 * at(count // 2)
    return jnp.where(count > 0, middle, 0.0)


def _spread(values: Array, mask: Array, variance: str) -> Array:
    """Standard deviation over the marked models: `f32[n q]`, or `f32[q]` if fixed.

    A point with fewer than two marked models has no spread of its own and takes the
    fixed one.
    """
    mask = mask[..., None]
    count = mask.sum(0)
    mean = jnp.sum(values, axis=0, where=mask) / jnp.maximum(count, 1)
    squares = jnp.where(mask, (values - mean) ** 2, 0.0)
    pooled = jnp.sqrt(squares.sum((0, 1)) / jnp.maximum(count.sum(), 1))
    if variance == "fixed":
        return jnp.maximum(pooled, FLOOR)
    own = jnp.sqrt(squares.sum(0) / jnp.maximum(count, 1))
    return jnp.maximum(jnp.where(count > 1, own, pooled), FLOOR)


def online(signal: Sides, member: Array, target: Array, *, variance: str = "auto"):
    """Log-likelihood ratio of IN to OUT.

    `mean_q log N(phi_t; mu_in, s_in) - log N(phi_t; mu_out, s_out)`, with medians as
    locations. A point without an IN shadow, or without an OUT one, scores 0: no
    evidence either way.

    Args:
      signal: see `sides`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    phi = signal.phi
    variance = variance_used(len(phi), variance)
    usable = shadows(len(phi), target)[:, None]
    inside, outside = (
        norm.logpdf(
            phi[target],
            _median(side, target),
            _spread(phi, usable & side.mask, variance),
        )
        for side in (signal.inside, signal.outside)
    )
    both = (usable & member).any(0) & (usable & ~member).any(0)
    return jnp.where(both[:, None], inside - outside, 0.0).mean(-1)


def offline(signal: Sides, member: Array, target: Array, *, variance: str = "auto"):
    """Surprise at so high a log-odds from a model that has not seen the point.

    `mean_q -log P[N(mu_out, s_out) > phi_t]`: one-sided, from OUT shadows only. A
    point without any scores as one at its OUT median would, log 2.

    Args:
      signal: see `sides`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, not negative, higher = more likely a member.
    """
    phi = signal.phi
    variance = variance_used(len(phi), variance)
    out = shadows(len(phi), target)[:, None] & ~member
    spread = _spread(phi, out, variance)
    z = (phi[target] - _median(signal.outside, target)) / spread
    return -norm.logcdf(-jnp.where(out.any(0)[:, None], z, 0.0)).mean(-1)
