"""Likelihood-ratio attack (LiRA): is the target's scaled logit likelier IN or OUT.

The shadow models that trained on a point (IN) and those that did not (OUT) each give a
Gaussian for the point's scaled logit; the score compares the target's value under both.

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

from dd_jax.audits.privacy.shadows import shadow_mask
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array, InputError

FEW_SHADOWS = 64
MIN_STD = 1e-6


def variance_used(models: int, variance: str = "auto") -> str:
    """Names the variance that LiRA uses; the Record carries this name.

    Args:
      models: number of models, the target and its complement included.
      variance: `per_example` (one for each point and side), `fixed` (one for each side,
        shared by all points: steadier with few shadows), or `auto`: fixed below 64
        shadows.

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


class SortedModels(NamedTuple):
    """Scaled logits of the IN or the OUT models of each point, sorted over models.

    Sorted once, so that the median over the shadows of any target costs no further
    sort.

    Attributes:
      mask: `bool[m n]`, true where the model is IN (or OUT).
      values: `f32[m n q]`, the scaled logits in ascending order over the first axis,
        then infinities.
      rank: `i32[m n q]`, the position of each model's value; m where it is masked.
    """

    mask: Array
    values: Array
    rank: Array


class LiraSignal(NamedTuple):
    """Scaled logits `f32[m n q]`, and the same sorted over IN and over OUT models."""

    phi: Array
    in_models: SortedModels
    out_models: SortedModels


def lira_signal(logits: Array, labels: Array, member: Array) -> LiraSignal:
    """Scaled logits of all models, sorted over the IN and over the OUT models.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`.
    """
    phi = scaled_logits(logits, labels)
    return LiraSignal(phi, *(_sorted(phi, mask) for mask in (member, ~member)))


def _sorted(phi: Array, mask: Array) -> SortedModels:
    values = jnp.where(mask[..., None], phi, jnp.inf)
    order = jnp.argsort(values, axis=0)
    ascending = jnp.take_along_axis(values, order, axis=0)
    rank = jnp.where(mask[..., None], jnp.argsort(order, axis=0), len(phi))
    return SortedModels(mask, ascending, rank)


def _median(models: SortedModels, target: Array) -> Array:
    """Median over the shadows of a target, `f32[n q]`; 0 where there is none.

    The ranks of the target and of its complement are skipped.
    """
    skipped = models.rank[target], models.rank[target ^ 1]
    first, second = jnp.minimum(*skipped), jnp.maximum(*skipped)
    m = len(models.mask)
    count = models.mask.sum(0)[:, None] - (first < m) - (second < m)

    def at(rank: Array) -> Array:
        rank += rank >= first
        rank += rank >= second
        return jnp.take_along_axis(models.values, rank[None], axis=0)[0]

    middle = 0.5 * at(jnp.maximum(count - 1, 0) // 2) + 0.5 * at(count // 2)
    return jnp.where(count > 0, middle, 0.0)


def _std(values: Array, mask: Array, variance: str) -> Array:
    """Standard deviation over the marked models: `f32[n q]`, or `f32[q]` if fixed.

    A point with fewer than two marked models takes the fixed one.
    """
    mask = mask[..., None]
    count = mask.sum(0)
    mean = jnp.sum(values, axis=0, where=mask) / jnp.maximum(count, 1)
    squares = jnp.where(mask, (values - mean) ** 2, 0.0)
    pooled = jnp.sqrt(squares.sum((0, 1)) / jnp.maximum(count.sum(), 1))
    if variance == "fixed":
        return jnp.maximum(pooled, MIN_STD)
    per_example = jnp.sqrt(squares.sum(0) / jnp.maximum(count, 1))
    return jnp.maximum(jnp.where(count > 1, per_example, pooled), MIN_STD)


def lira_online(
    signal: LiraSignal, member: Array, target: Array, *, variance: str = "auto"
) -> Array:
    """Log-likelihood ratio of IN to OUT.

    `mean_q log N(phi_t; mu_in, s_in) - log N(phi_t; mu_out, s_out)`, with medians as
    locations. A point without an IN shadow, or without an OUT shadow, scores 0.

    Args:
      signal: see `lira_signal`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    phi = signal.phi
    variance = variance_used(len(phi), variance)
    shadows = shadow_mask(len(phi), target)[:, None]
    log_in, log_out = (
        norm.logpdf(
            phi[target],
            _median(models, target),
            _std(phi, shadows & models.mask, variance),
        )
        for models in (signal.in_models, signal.out_models)
    )
    both = (shadows & member).any(0) & (shadows & ~member).any(0)
    return jnp.where(both[:, None], log_in - log_out, 0.0).mean(-1)


def lira_offline(
    signal: LiraSignal, member: Array, target: Array, *, variance: str = "auto"
) -> Array:
    """Minus the log of the one-sided p-value under the OUT Gaussian.

    `mean_q -log P[N(mu_out, s_out) > phi_t]`, from OUT shadows only. A point without
    OUT shadows scores log 2, as a point at its OUT median does.

    Args:
      signal: see `lira_signal`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      variance: see `variance_used`.

    Returns:
      `f32[n]`, at least 0, higher = more likely a member.
    """
    phi = signal.phi
    variance = variance_used(len(phi), variance)
    out = shadow_mask(len(phi), target)[:, None] & ~member
    std = _std(phi, out, variance)
    z = (phi[target] - _median(signal.out_models, target)) / std
    return -norm.logcdf(-jnp.where(out.any(0)[:, None], z, 0.0)).mean(-1)
