"""Shadow-model classifier: an attack model for each class, trained on shadow models.

Source: Shokri et al. 2017, "Membership inference attacks against machine learning
models", section V.

Differs from the paper in: the attack model is a logistic regression with a Gaussian
prior instead of a network, so that it needs no key and has one optimum; it sees the
scaled logit and the three likeliest wrong classes in descending order (Salem et al.
2019 show that three suffice) instead of the whole posterior; shadows halve the same
data.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.audits.privacy.shadows import shadow_indices
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array

MAX_SHADOWS = 16
WRONG_CLASSES = 3
STEPS = 30
MIN_STD = 1e-6


class PosteriorSignal(NamedTuple):
    """What the attack model sees.

    Attributes:
      features: `f32[m n q d]`.
      classes: the points' classes, one-hot `f32[n k]`.
    """

    features: Array
    classes: Array


def posterior_signal(logits: Array, labels: Array, member: Array) -> PosteriorSignal:
    """Scaled logit and the largest `log p` of wrong classes: d = 1 + min(3, k - 1).

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: not used.
    """
    del member
    k = logits.shape[-1]
    classes = jax.nn.one_hot(labels, k)
    log_p = jax.nn.log_softmax(logits)
    wrong = jnp.where(classes[:, None] > 0, -jnp.inf, log_p)
    likeliest = lax.top_k(wrong, min(WRONG_CLASSES, k - 1))[0]
    phi = scaled_logits(logits, labels)[..., None]
    return PosteriorSignal(jnp.concatenate([phi, likeliest], axis=-1), classes)


def fit_per_class(inputs: Array, targets: Array, classes: Array) -> Array:
    """Fits one logistic regression for each class by maximum a posteriori.

    Maximises `sum_{s n} mean_q log P(target | x, w_y) - |w|^2 / 2` by steps on a
    quadratic lower bound of curvature `X'X / 4 + I`.

    Args:
      inputs: `f32[s n q d]`, standardised.
      targets: `f32[s n]`, 0 or 1.
      classes: one-hot `f32[n k]`.

    Returns:
      Weights `f32[k d]`.

    Source of the bound: Boehning and Lindsay 1988.
    """
    chex.assert_rank([inputs, targets, classes], [4, 2, 2])
    queries, d = inputs.shape[2:]
    squares = jnp.einsum("snqd,snqe->nde", inputs, inputs) / (4 * queries)
    curvature = jnp.einsum("nk,nde->kde", classes, squares) + jnp.eye(d)
    factor = jax.scipy.linalg.cho_factor(curvature)

    def step(_, weights: Array) -> Array:
        odds = jnp.einsum("snqd,nd->snq", inputs, classes @ weights)
        error = (targets[..., None] - jax.nn.sigmoid(odds)) / queries
        gradient = classes.T @ jnp.einsum("snqd,snq->nd", inputs, error) - weights
        newton = jax.scipy.linalg.cho_solve(factor, gradient[..., None])[..., 0]
        return weights + newton

    return lax.fori_loop(0, STEPS, step, jnp.zeros((classes.shape[1], d)))


def shadow_classifier(signal: PosteriorSignal, member: Array, target: Array) -> Array:
    """Log-odds of membership by the attack model of the point's class.

    `mean_q w_y . x_t`, with `w` fitted to at most 16 shadows and `x` standardised by
    their mean and standard deviation.

    Args:
      signal: see `posterior_signal`.
      member: `bool[m n]`; only rows of shadows are used.
      target: index of the model under attack; may be traced.

    Returns:
      `f32[n]`, higher = more likely a member; 0 = both equally likely.
    """
    features, classes = signal
    rows = shadow_indices(len(features), target, MAX_SHADOWS)
    of_shadows = features[rows]
    mean, std = of_shadows.mean((0, 1, 2)), of_shadows.std((0, 1, 2))

    def standardised(x: Array) -> Array:
        z = (x - mean) / jnp.maximum(std, MIN_STD)
        return jnp.concatenate([z, jnp.ones_like(z[..., :1])], axis=-1)

    is_member = member[rows].astype(features.dtype)
    weights = fit_per_class(standardised(of_shadows), is_member, classes)
    of_target = standardised(features[target])
    return jnp.einsum("nqd,nd->nq", of_target, classes @ weights).mean(-1)
