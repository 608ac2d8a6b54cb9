"""Projection of an image onto a hyperplane within the box of pixel values."""

from collections.abc import Callable

import chex
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.constraints import distance_to_bound
from dd_jax.types import Array

_TINY = jnp.finfo(jnp.float32).tiny


def project_to_hyperplane(norm: str) -> Callable[[Array, Array, Array], Array]:
    """Least-norm delta with `w . delta = c` and `image + delta` in [0, 1].

    Every pixel moves towards the hyperplane, at most by its distance b to the bound.
    Linf: `|delta_i| = min(t, b_i)`; L2: `|delta_i| = min(t |w_i|, b_i)`; L1: pixels
    move to their bound in the order of |w_i|. Where the box does not reach the
    hyperplane all pixels end at their bound.

    In Linf and L2, `sum |w_i delta_i|` is concave and piecewise linear in t, so that
    Newton's iteration from t = 0 never overshoots and the error times the slope falls
    fourfold or more at each step: 16 steps are exact to rounding.

    Source: the problem is eq. 7 of Croce and Hein 2020, "Minimally distorted
    adversarial examples with a fast adaptive boundary attack". Differs from the
    released code in: Newton's iteration in place of sorting and bisection.

    Args:
      norm: `linf`, `l2` or `l1`.

    Returns:
      `(w f32[h w c], c f32[], image f32[h w c]) -> f32[h w c]`.

    >>> w, x = jnp.array([[[1.0, 2.0]]]), jnp.array([[[0.5, 0.8]]])
    >>> [round(float(d), 3) for d in project_to_hyperplane("linf")(w, 0.7, x).ravel()]
    [0.3, 0.2]
    """
    solve = _in_order_of_weight if norm == "l1" else _at_equal_rate(norm)

    def project(w: Array, c: Array, image: Array) -> Array:
        chex.assert_equal_shape([w, image])
        chex.assert_rank([image, c], [3, 0])
        signs = jnp.sign(w) * jnp.sign(c)
        w, c = _scaled(jnp.abs(w), jnp.abs(c))
        return signs * solve(w, c, distance_to_bound(signs, image))

    return project


def _scaled(w: Array, c: Array) -> tuple[Array, Array]:
    """The same hyperplane with largest weight 1, whose squares do not underflow."""
    largest = jnp.maximum(w.max(), _TINY)
    return w / largest, c / largest


def _at_equal_rate(norm: str):
    def solve(w, c, bound):
        rate = w if norm == "l2" else (w > 0).astype(w.dtype)

        def newton(_, t):
            at_bound = t * rate >= bound
            rest = c - jnp.sum(w * bound, where=at_bound)
            slope = jnp.sum(w * rate, where=~at_bound)
            return jnp.where(slope > 0, rest / jnp.maximum(slope, _TINY), jnp.inf)

        t = lax.fori_loop(0, 16, newton, jnp.zeros_like(c))
        return jnp.where(rate > 0, jnp.minimum(t * rate, bound), 0.0)

    return solve


def _in_order_of_weight(w, c, bound):
    order = jnp.argsort(-w.ravel())
    weights, bounds = w.ravel()[order], bound.ravel()[order]
    gains = weights * bounds
    before = jnp.cumsum(gains) - gains
    moves = jnp.clip((c - before) / jnp.maximum(weights, _TINY), 0.0, bounds)
    moves = jnp.where(weights > 0, moves, 0.0)
    return jnp.zeros_like(moves).at[order].set(moves).reshape(w.shape)
