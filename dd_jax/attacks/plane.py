"""The shortest way from an image to a hyperplane that stays inside the pixel box."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.constraints import room
from dd_jax.types import Array

_TINY = jnp.finfo(jnp.float32).tiny


def to_plane(norm: str) -> Callable[[Array, Array, Array], Array]:
    """Least-norm delta with `w . delta = c` and `image + delta` in [0, 1].

    Every pixel moves in the direction that helps, at most through its room r to the
    wall. Linf: `|delta_i| = min(t, r_i)`; L2: `|delta_i| = min(t |w_i|, r_i)`; L1:
    pixels fill up their room in the order of |w_i|. Where the plane is out of reach all
    room is taken.

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
    >>> [round(float(d), 3) for d in to_plane("linf")(w, 0.7, x).ravel()]
    [0.3, 0.2]
    """
    fill = _fill_in_order if norm == "l1" else _fill_evenly(norm)

    def nearest(w: Array, c: Array, image: Array) -> Array:
        heading = jnp.sign(w) * jnp.sign(c)
        w, c = _scaled(jnp.abs(w), jnp.abs(c))
        return heading * fill(w, c, room(heading, image))

    return nearest


def _scaled(w: Array, c: Array) -> tuple[Array, Array]:
    """The same plane with the largest weight at 1, lest squares of weights vanish."""
    top = jnp.maximum(w.max(), _TINY)
    return w / top, c / top


def _fill_evenly(norm: str):
    def fill(w, c, room):
        speed = w if norm == "l2" else (w > 0).astype(w.dtype)

        def newton(_, t):
            full = t * speed >= room
            rest = c - jnp.sum(w * room, where=full)
            slope = jnp.sum(w * speed, where=~full)
            return jnp.where(slope > 0, rest / jnp.maximum(slope, _TINY), jnp.inf)

        t = lax.fori_loop(0, 16, newton, jnp.zeros_like(c))
        return jnp.where(speed > 0, jnp.minimum(t * speed, room), 0.0)

    return fill


def _fill_in_order(w, c, room):
    order = jnp.argsort(-w.ravel())
    weights, rooms = w.ravel()[order], room.ravel()[order]
    gains = weights * rooms
    before = jnp.cumsum(gains) - gains
    moves = jnp.clip((c - before) / jnp.maximum(weights, _TINY), 0.0, rooms)
    moves = jnp.where(weights > 0, moves, 0.0)
    return jnp.zeros_like(moves).at[order].set(moves).reshape(w.shape)
