"""Shadow-model classifier: a small attack model for each class, taught on shadows.

Source: Shokri et al. 2017, "Membership inference attacks against machine learning
models", section V.

Differs from the paper in: the attack model is a logistic regression with a Gaussian
prior instead of a network, so that it needs no key and has one optimum; it sees the
scaled logit and the three likeliest wrong classes in falling order (Salem et al. 2019
show that three suffice) instead of the whole posterior; shadows halve the same data.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.audits.privacy.leave_out import some_shadows
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array

MAX_SHADOWS = 16
RUNNERS_UP = 3
STEPS = 30
FLOOR = 1e-6


class Posteriors(NamedTuple):
    """What the attack model sees: `f32[m n q d]`, and the points' classes `f32[n k]`.

    Classes are one-hot rows.
    """

    features: Array
    classes: Array


def posteriors(logits: Array, labels: Array, member: Array) -> Posteriors:
    """Scaled logit and the largest `log p` of wrong classes: d = 1 + min(3, k - 1).

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: not looked at.
    """
    del member
    k = logits.shape[-1]
    classes = jax.nn.one_hot(labels, k)
    log_p = jax.nn.log_softmax(logits)
    wrong = jnp.where(classes[:, None] > 0, -jnp.inf, log_p)
    runners_up = lax.top_k(wrong, min(RUNNERS_UP, k - 1))[0]
    own = scaled_logits(logits, labels)[..., None]
    return Posteriors(jnp.concatenate([own, runners_up], axis=-1), classes)


def fit_per_class(inputs: Array, outcome: Array, classes: Array) -> Array:
    """Logistic regressions, one a class: the weights that each class's rows favour.

    Maximises `sum_{s n} mean_q log P(outcome | x, w_y) - |w|^2 / 2` by climbing the
    quadratic that lies below it everywhere, with curvature `X'X / 4 + I`.

    Args:
      inputs: `f32[s n q d]`, of standardised size.
      outcome: `f32[s n]`, 0 or 1.
      classes: one-hot `f32[n k]`.

    Returns:
      `f32[k d]`.

    Source of the bound: Boehning and Lindsay 1988.
    """
    queries, d = inputs.shape[2:]
    squares = jnp.einsum("snqd,snqe->nde", inputs, inputs) / (4 * queries)
    curvature = jnp.einsum("nk,nde->kde", classes, squares) + jnp.eye(d)
    factor = jax.scipy.linalg.cho_factor(curvature)

    def climb(_, weights: Array) -> Array:
        odds = jnp.einsum("snqd,nd->snq", inputs, classes @ weights)
        error = (outcome[..., None] - jax.nn.sigmoid(odds)) / queries
        slope = classes.T @ jnp.einsum("snqd,snq->nd", inputs, error) - weights
        return weights + jax.scipy.linalg.cho_solve(factor, slope[..., None])[..., 0]

    return lax.fori_loop(0, STEPS, climb, jnp.zeros((classes.shape[1], d)))


def shadow_classifier(signal: Posteriors, member: Array, target: Array) -> Array:
    """Log-odds of membership by the attack model of the point's class.

    `mean_q w_y . x_t`, with `w` fitted to at most 16 shadows and `x` standardised by
    their mean and standard deviation.

    Args:
      signal: see `posteriors`.
      member: `bool[m n]`; only rows of shadows are looked at.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member; 0 = as likely as not.
    """
    features, classes = signal
    rows = some_shadows(len(features), target, MAX_SHADOWS)
    known = features[rows]
    centre, scale = known.mean((0, 1, 2)), known.std((0, 1, 2))

    def standard(x: Array) -> Array:
        z = (x - centre) / jnp.maximum(scale, FLOOR)
        return jnp.concatenate([z, jnp.ones_like(z[..., :1])], axis=-1)

    outcome = member[rows].astype(features.dtype)
    weights = fit_per_class(standard(known), outcome, classes)
    attacked = standard(features[target])
    return jnp.einsum("nqd,nd->nq", attacked, classes @ weights).mean(-1)
