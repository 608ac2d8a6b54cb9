"""Curvature of the loss in its images, as a penalty on networks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dd_jax.runtime.reuse import reused
from dd_jax.train.losses import cross_entropy
from dd_jax.types import Array

Penalty = Callable[[Callable[[Array], Array], Array, Array], Array]

_SMALLEST = 1e-12  # length of a gradient that has a direction


@reused
def curvature_penalty(weight: float, distance: float) -> Penalty:
    """How much the gradient of the loss in an image changes along itself.

    `w || g(x + h z) - g(x) ||^2`, with the gradient `g(x) = grad_x l(x)` of the
    cross-entropy and its direction `z = g(x) / ||g(x)||`, which is a constant of the
    penalty. A network with a small one has nearly linear losses around its images, so
    that one step of an attack says less about a larger one.

    Xue et al. (2025), arXiv:2403.10045 (GUARD), eq. 9; Moosavi-Dezfooli et al. (2019),
    CURE, for the finite difference. Differs from them in: the squared norm is that of
    each image, in units of pixels in [0, 1]; the network is that of evaluation.

    Args:
      weight: w.
      distance: h, L2 in pixel units, above 0.

    Returns:
      `(logits_fn, images f32[n h w c], labels f32[n k]) -> f32[n]`; the same arguments
      give the same object.
    """

    def penalty(logits_fn, images: Array, labels: Array) -> Array:
        total = lambda images: jax.vmap(cross_entropy)(logits_fn(images), labels).sum()
        gradient = jax.grad(total)
        here = gradient(images)
        fixed = jax.lax.stop_gradient(here)
        length = jnp.sqrt(jnp.square(fixed).sum((1, 2, 3), keepdims=True))
        towards = fixed / jnp.maximum(length, _SMALLEST)
        change = gradient(images + distance * towards) - here
        return weight * jnp.square(change).sum((1, 2, 3))

    return penalty
