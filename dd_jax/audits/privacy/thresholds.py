"""Threshold attacks: how confident the target is of a point, without shadow models.

Sources: Yeom et al. 2018, "Privacy risk in machine learning" (loss); Shokri et al. 2017
and Salem et al. 2019 (entropy); Song and Mittal 2021, "Systematic evaluation of privacy
risks of machine learning models", equation 8 (modified entropy) and section 4.1
(thresholds of each class, from shadows).

Differs from the released code in: probabilities are never rounded to 0 or 1; the
thresholds of a class are all of them at once, as ranks among shadow values.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.audits.privacy.shadows import shadow_indices
from dd_jax.audits.privacy.signals import log_likelihoods
from dd_jax.types import Array

MAX_SHADOWS = 16


class ThresholdSignal(NamedTuple):
    """One number for each model, point and query, higher = more confident.

    Attributes:
      values: `f32[m n q]`.
      labels: `i32[n]`, for the thresholds of each class.
    """

    values: Array
    labels: Array


def negative_loss(logits: Array, labels: Array, member: Array) -> ThresholdSignal:
    """Minus the cross-entropy, `log p_y`."""
    del member
    return ThresholdSignal(log_likelihoods(logits, labels), labels)


def _log_both(logits: Array) -> tuple[Array, Array]:
    """`log p_i` and `log(1 - p_i)`, `f32[... k]`, exact where a p_i rounds to 1."""
    log_p = jax.nn.log_softmax(logits)
    top = jax.nn.one_hot(logits.argmax(-1), logits.shape[-1], dtype=bool)
    others = jnp.where(top, -jnp.inf, log_p)
    rest_of_top = jax.nn.logsumexp(others, axis=-1, keepdims=True)
    return (
        jnp.where(top, jnp.log1p(-jnp.exp(rest_of_top)), log_p),
        jnp.where(top, rest_of_top, jnp.log1p(-jnp.exp(others))),
    )


def negative_entropy(logits: Array, labels: Array, member: Array) -> ThresholdSignal:
    """Minus the entropy of the prediction, `sum_i p_i log p_i`; ignores the label.

    >>> logits = jnp.array([2.0, 1.0, 0.5, -1.0]).reshape(1, 1, 1, 4)
    >>> round(negative_entropy(logits, jnp.array([0]), None).values.item(), 6)
    -1.014403
    """
    del member
    log_p, _ = _log_both(logits)
    return ThresholdSignal((jnp.exp(log_p) * log_p).sum(-1), labels)


def negative_modified_entropy(
    logits: Array, labels: Array, member: Array
) -> ThresholdSignal:
    """Minus the modified entropy, which is large for confident wrong predictions.

    `(1 - p_y) log p_y + sum_{i != y} p_i log(1 - p_i)`.

    >>> logits = jnp.array([2.0, 1.0, 0.5, -1.0]).reshape(1, 1, 1, 4)
    >>> round(negative_modified_entropy(logits, jnp.array([3]), None).values.item(), 5)
    -4.03895
    """
    del member
    right = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)[:, None]
    log_p, log_rest = _log_both(logits)
    terms = jnp.where(right, jnp.exp(log_rest) * log_p, jnp.exp(log_p) * log_rest)
    return ThresholdSignal(terms.sum(-1), labels)


def rank_in_class(values: Array, labels: Array, pool: Array, counted: Array) -> Array:
    """Fraction of the counted pool values of the same class that lie strictly below.

    The empirical `P[s < s_x | class of x]`: calling members above `1 - f` puts the
    threshold of every class at a false positive rate of f. One sort by class and value.

    Args:
      values: `f32[n]`.
      labels: `i32[n]`.
      pool: `f32[s n]`, values of other models on the same points.
      counted: `bool[s n]`, which of them count.

    Returns:
      `f32[n]` in [0, 1]; 0 for a class without counted values.
    """
    n = len(values)
    classes = jnp.concatenate([labels, jnp.tile(labels, len(pool))])
    merged = jnp.concatenate([values, pool.ravel()])
    origin = jnp.arange(len(merged))  # a tie puts the n values before the pool
    classes, _, origin = lax.sort((classes, merged, origin), num_keys=3)
    counts = jnp.concatenate([jnp.zeros(n, int), counted.ravel().astype(int)])[origin]
    below = jnp.cumsum(counts)
    ends = jnp.searchsorted(classes, labels, side="right") - 1
    starts = jnp.searchsorted(classes, labels, side="left")
    before = jnp.where(starts > 0, below[starts - 1], 0)
    place = jnp.zeros(len(merged), int).at[origin].set(jnp.arange(len(merged)))[:n]
    return (below[place] - before) / jnp.maximum(below[ends] - before, 1)


def global_threshold(signal: ThresholdSignal, member: Array, target: Array) -> Array:
    """The target's own values, for one threshold over all points: `mean_q s_t`.

    Args:
      signal: values and labels.
      member: not used.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    del member
    return signal.values[target].mean(-1)


def class_threshold(signal: ThresholdSignal, member: Array, target: Array) -> Array:
    """Ranks of the target's values, for one threshold in each class.

    `mean_q rank_in_class(s_t)` among the values of shadows (at most 16) on the points
    that are OUT of them.

    Args:
      signal: values and labels.
      member: `bool[m n]`; only rows of shadows are used.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]` in [0, 1], higher = more likely a member.
    """
    values, labels = signal
    rows = shadow_indices(len(values), target, MAX_SHADOWS)
    ranks = jax.vmap(rank_in_class, in_axes=(1, None, 2, None), out_axes=1)
    return ranks(values[target], labels, values[rows], ~member[rows]).mean(-1)
