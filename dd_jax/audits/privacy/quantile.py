"""Quantile regression attack: is the target surer of a point than of unseen likes.

No shadows. What it uses, and all it uses: the target's own logits, the labels, and, of
`member[target]`, which *other* points the target has not seen: an attacker knows some
such points. What a point itself is, is never looked at: the regression that judges a
point leaves that point out, in closed form.

Source: Bertran et al. 2023, "Scalable membership inference attacks via quantile
regression", the Gaussian variant.

Differs from the paper in: the regression sees the class and the shape of the wrong
logits, not the image, and is linear with one Gaussian a class, not a network; the
target is the scaled logit, not the hinge; the attacker's public data are the other
non-members.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array

RIDGE = 0.01
PRIOR = 1.0  # variance of the log-odds, worth one point


class Described(NamedTuple):
    """Scaled logits with what may predict them.

    Attributes:
      phi: `f32[m n q]`.
      features: `f32[m n q 3]` in [0, 1].
      classes: one-hot `f32[n k]`.
    """

    phi: Array
    features: Array
    classes: Array


def described(logits: Array, labels: Array, member: Array) -> Described:
    """Scaled logits and the features of the point that predict them.

    Features are a constant and, of the distribution over the wrong classes alone
    (`softmax` of their logits, which does not move with that of the right one), the
    entropy as a share of its maximum and the largest probability.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: not looked at.
    """
    del member
    k = logits.shape[-1]
    right = jax.nn.one_hot(labels, k, dtype=bool)[:, None]
    wrong = jax.nn.softmax(logits, where=~right)
    entropy = jax.scipy.special.entr(wrong).sum(-1) / jnp.log(max(k - 1, 2))
    features = jnp.stack([jnp.ones_like(entropy), entropy, wrong.max(-1)], axis=-1)
    return Described(scaled_logits(logits, labels), features, jax.nn.one_hot(labels, k))


def left_out_residuals(
    x: Array, value: Array, known: Array, classes: Array
) -> tuple[Array, Array]:
    """How far each value lies from a Gaussian fitted to the other known ones.

    In each class a ridge regression `b = (X'X + rI)^-1 X'v` over the known points.
    Without point i, whose residual is `e` and leverage `h`, the residual becomes
    `e / (1 - h)` and the penalised sum of squares falls by `e^2 / (1 - h)`; the
    variance is that sum over the points, with one more point of variance 1 in both.

    Args:
      x: `f32[n d]`.
      value: `f32[n]`.
      known: `f32[n]`, 1 where a point may be fitted to, else 0.
      classes: one-hot `f32[n k]`.

    Returns:
      `(residual, deviation)`, both `f32[n]`; the deviation is positive.
    """
    d = x.shape[1]
    squares = jnp.einsum("nd,ne,n->nde", x, x, known)
    inverse = jnp.linalg.inv(
        jnp.einsum("nk,nde->kde", classes, squares) + RIDGE * jnp.eye(d)
    )
    moments = classes.T @ (x * (known * value)[:, None])
    slopes = jnp.einsum("kde,ke->kd", inverse, moments)
    error = value - (x * (classes @ slopes)).sum(-1)
    own_inverse = jnp.einsum("nk,kde->nde", classes, inverse)
    room = 1 - known * jnp.einsum("nd,nde,ne->n", x, own_inverse, x)
    total = classes.T @ (known * error**2) + RIDGE * (slopes**2).sum(-1)
    left = jnp.maximum(classes @ total - known * error**2 / room, 0.0)
    count = classes @ (classes.T @ known) - known
    return error / room, jnp.sqrt((left + PRIOR) / (count + 1))


def quantile(signal: Described, member: Array, target: Array) -> Array:
    """Standard score of the target's log-odds among unseen points like this one.

    `mean_q (phi_t - mu(x)) / sigma(x)`; a point is called a member at a false positive
    rate f where it lies above the `1 - f` quantile, `mu + sigma z_{1-f}`.

    Args:
      signal: see `described`; the target's row alone is looked at.
      member: `bool[m n]`; the target's row alone is looked at, without the point that
        is scored.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    known = (~member[target]).astype(signal.phi.dtype)
    of_query = lambda x, value: left_out_residuals(x, value, known, signal.classes)
    residual, deviation = jax.vmap(of_query, in_axes=1, out_axes=1)(
        signal.features[target], signal.phi[target]
    )
    return (residual / deviation).mean(-1)
