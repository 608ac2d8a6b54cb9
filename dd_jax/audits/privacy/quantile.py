"""Quantile regression attack: confidence of the target against similar OUT points.

No shadow models. It uses the target's own logits, the labels, and which *other* points
are non-members of the target (an attacker knows some such points). The membership of a
point never enters its own score: the regression for a point leaves that point out, in
closed form.

Source: Bertran et al. 2023, "Scalable membership inference attacks via quantile
regression", the Gaussian variant.

Differs from the paper in: the regression sees the class and the shape of the wrong
logits, not the image, and is linear with one Gaussian for each class, not a network;
the regressed value is the scaled logit, not the hinge; the attacker's public data are
the other non-members.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array

RIDGE = 0.01
PRIOR = 1.0  # variance of the scaled logits, with the weight of one point


class QuantileSignal(NamedTuple):
    """Scaled logits and the features that predict them.

    Attributes:
      phi: `f32[m n q]`.
      features: `f32[m n q 3]` in [0, 1].
      classes: one-hot `f32[n k]`.
    """

    phi: Array
    features: Array
    classes: Array


def quantile_signal(logits: Array, labels: Array, member: Array) -> QuantileSignal:
    """Scaled logits, and features of each point that predict them.

    Features are a constant and, of the distribution over the wrong classes only
    (`softmax` of their logits, which does not depend on that of the right one), the
    entropy as a share of its maximum and the largest probability.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: not used.
    """
    del member
    k = logits.shape[-1]
    right = jax.nn.one_hot(labels, k, dtype=bool)[:, None]
    wrong = jax.nn.softmax(logits, where=~right)
    entropy = jax.scipy.special.entr(wrong).sum(-1) / jnp.log(max(k - 1, 2))
    features = jnp.stack([jnp.ones_like(entropy), entropy, wrong.max(-1)], axis=-1)
    classes = jax.nn.one_hot(labels, k)
    return QuantileSignal(scaled_logits(logits, labels), features, classes)


def leave_one_out_residuals(
    x: Array, value: Array, known: Array, classes: Array
) -> tuple[Array, Array]:
    """Residual and standard deviation of each value under a fit to the other points.

    In each class a ridge regression `b = (X'X + rI)^-1 X'v` over the known points.
    Without point i, whose residual is `e` and leverage `h`, the residual becomes
    `e / (1 - h)` and the penalised sum of squares falls by `e^2 / (1 - h)`; the
    variance is that sum over the points, with one more point of variance 1 in both.

    Args:
      x: `f32[n d]`.
      value: `f32[n]`.
      known: `f32[n]`, 1 where a point may be used in the fit, else 0.
      classes: one-hot `f32[n k]`.

    Returns:
      `(residual, std)`, both `f32[n]`; `std` is positive.
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
    remainder = 1 - known * jnp.einsum("nd,nde,ne->n", x, own_inverse, x)  # 1 - h
    total = classes.T @ (known * error**2) + RIDGE * (slopes**2).sum(-1)
    others = jnp.maximum(classes @ total - known * error**2 / remainder, 0.0)
    count = classes @ (classes.T @ known) - known
    return error / remainder, jnp.sqrt((others + PRIOR) / (count + 1))


def quantile(signal: QuantileSignal, member: Array, target: Array) -> Array:
    """Standard score of the target's scaled logit among non-members like this point.

    `mean_q (phi_t - mu(x)) / sigma(x)`; a point is called a member at a false positive
    rate f where it lies above the `1 - f` quantile, `mu + sigma z_{1-f}`.

    Args:
      signal: see `quantile_signal`; only the target's row is used.
      member: `bool[m n]`; only the target's row is used, without the scored point.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member.
    """
    known = (~member[target]).astype(signal.phi.dtype)
    of_query = lambda x, value: leave_one_out_residuals(x, value, known, signal.classes)
    residual, std = jax.vmap(of_query, in_axes=1, out_axes=1)(
        signal.features[target], signal.phi[target]
    )
    return (residual / std).mean(-1)
