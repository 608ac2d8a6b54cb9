"""Constraint sets of a perturbation: norm balls, and the box of pixel values."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.types import Array, InputError, Key

_TINY = jnp.finfo(jnp.float32).tiny
_INSIDE = 1 - 1e-6  # of the L1 radius: sums over many pixels round


class Constraint(NamedTuple):
    """A norm ball around the clean image, as pure functions of one perturbation.

    Attributes:
      name: the norm, `linf`, `l2` or `l1`.
      eps: radius in pixel units; a float or a traced scalar.
      norm: `delta f32[h w c] -> f32[]`.
      project: `delta -> nearest point of the ball` (Euclidean distance).
      sample: `(key, shape) -> f32[shape]`, uniform in the ball.
      steepest: `gradient -> unit-norm step of steepest ascent` on a linear loss;
        zero where the gradient is. Its slope is the dual norm of the gradient.
      within: `(delta, image) -> delta`, moved into the ball and the pixel box.
    """

    name: str
    eps: Array
    norm: Callable[[Array], Array]
    project: Callable[[Array], Array]
    sample: Callable[[Key, tuple[int, ...]], Array]
    steepest: Callable[[Array], Array]
    within: Callable[[Array, Array], Array]


def _check_radius(eps: Array) -> None:
    if isinstance(eps, int | float) and not eps >= 0:
        raise InputError(f"attack radius eps is {eps}; it must be 0 or more, in pixels")


def linf(eps: Array) -> Constraint:
    """The ball `max_i |delta_i| <= eps`; its steepest step is `sign(gradient)`.

    Args:
      eps: radius in pixel units, at least 0.

    Raises:
      InputError: eps is a negative number.

    >>> linf(0.1).project(jnp.array([0.3, -0.05, -0.3])).tolist() == (
    ...     jnp.array([0.1, -0.05, -0.1]).tolist())
    True
    """
    _check_radius(eps)
    project = lambda delta: optax.projections.projection_linf_ball(delta, eps)
    return Constraint(
        name="linf",
        eps=eps,
        norm=lambda delta: jnp.abs(delta).max(),
        project=project,
        sample=lambda key, shape: eps * jax.random.uniform(key, shape, minval=-1.0),
        steepest=jnp.sign,
        within=lambda delta, image: into_box(project(delta), image),
    )


def l2(eps: Array) -> Constraint:
    """The ball `sqrt(sum_i delta_i^2) <= eps`; its steepest step is `g / ||g||_2`.

    The gradient is divided by its largest entry first, so that one of size 1e-30 (a
    very confident network) still has a direction. The projection also holds at eps = 0,
    where `optax.projections.projection_l2_ball` divides 0 by 0.

    Args:
      eps: radius in pixel units, at least 0.

    Raises:
      InputError: eps is a negative number.

    >>> l2(1.0).project(jnp.array([3.0, 4.0])).round(3).tolist() == (
    ...     jnp.array([0.6, 0.8]).tolist())
    True
    """
    _check_radius(eps)

    def unit(vector: Array) -> Array:
        vector = vector / jnp.maximum(jnp.abs(vector).max(), _TINY)
        return vector / jnp.maximum(jnp.linalg.norm(vector.ravel()), _TINY)

    def project(delta: Array) -> Array:
        length = jnp.linalg.norm(delta.ravel())
        return delta * jnp.minimum(1.0, eps / jnp.maximum(length, _TINY))

    def sample(key: Key, shape: tuple[int, ...]) -> Array:
        for_direction, for_radius = jax.random.split(key)
        direction = unit(jax.random.normal(for_direction, shape))
        size = direction.size
        return eps * jax.random.uniform(for_radius) ** (1 / size) * direction

    return Constraint(
        name="l2",
        eps=eps,
        norm=lambda delta: jnp.linalg.norm(delta.ravel()),
        project=project,
        sample=sample,
        steepest=unit,
        within=lambda delta, image: into_box(project(delta), image),
    )


def l1(eps: Array) -> Constraint:
    """The ball `sum_i |delta_i| <= eps`; its steepest step moves one pixel.

    Here ball first and box second would fall far short of the nearest point that is in
    both, so `within` is the exact projection on their intersection: `|u_i| = clip(|d_i|
    - t, 0, b_i)`, with t by bisection, b_i the distance of pixel i to its bound, and
    eps less a millionth, so that rounding leaves no image outside. Samples are signed
    exponential variates over their sum and one variate more.

    Source: projection: Croce and Hein 2021, "Mind the box", prop. 2.1.

    Args:
      eps: radius in pixel units (of the whole image, not per pixel).

    Raises:
      InputError: eps is a negative number.

    >>> [round(float(d), 3) for d in l1(1.0).project(jnp.array([2.0, 1.5]))]
    [0.75, 0.25]
    """
    _check_radius(eps)
    inside = _INSIDE * eps

    def shrink(delta: Array, largest: Array) -> Array:
        cut = lambda t: jnp.clip(jnp.abs(delta) - t, 0.0, largest)

        def halve(_, bounds):
            low, high = bounds
            middle = (low + high) / 2
            fits = cut(middle).sum() <= inside
            return jnp.where(fits, low, middle), jnp.where(fits, middle, high)

        fits = cut(0.0).sum() <= inside
        _, high = lax.fori_loop(0, 30, halve, (0.0, jnp.abs(delta).max()))
        return jnp.sign(delta) * cut(jnp.where(fits, 0.0, high))

    def sample(key: Key, shape: tuple[int, ...]) -> Array:
        for_size, for_sign = jax.random.split(key)
        size = math.prod(shape)
        sizes = jax.random.exponential(for_size, (size + 1,))
        signs = jax.random.rademacher(for_sign, shape, jnp.float32)
        return inside * signs * (sizes[:size] / sizes.sum()).reshape(shape)

    def steepest(gradient: Array) -> Array:
        sizes = jnp.abs(gradient).ravel()
        first = jnp.arange(sizes.size) == sizes.argmax()
        return jnp.sign(gradient) * first.reshape(gradient.shape)

    return Constraint(
        name="l1",
        eps=eps,
        norm=lambda delta: jnp.abs(delta).sum(),
        project=lambda delta: shrink(delta, jnp.inf),
        sample=sample,
        steepest=steepest,
        within=lambda delta, image: shrink(delta, distance_to_bound(delta, image)),
    )


BALLS: dict[str, Callable[[Array], Constraint]] = {"l1": l1, "l2": l2, "linf": linf}


def ball_of(norm: str, eps: Array, norms: tuple[str, ...] = tuple(BALLS)) -> Constraint:
    """The norm ball by name.

    Args:
      norm: one of `norms`.
      eps: radius in pixel units.
      norms: those that the attack has.

    Raises:
      InputError: another norm, or a negative radius.
    """
    if norm not in norms:
        raise InputError(f"attack norm is {norm!r}; this attack has {list(norms)}")
    return BALLS[norm](eps)


def distance_to_bound(direction: Array, image: Array) -> Array:
    """How far each pixel can move until it reaches 0 or 1.

    `1 - x` where it increases, `x` where it decreases.

    Args:
      direction: `f32[h w c]`, of which only the signs matter.
      image: `f32[h w c]` in [0, 1].

    Returns:
      `f32[h w c]`, at least 0.
    """
    return jnp.where(direction > 0, 1.0 - image, image)


def into_box(delta: Array, image: Array) -> Array:
    """Clip a perturbation to the box of pixel values: `clip(x + d, 0, 1) - x`.

    Every entry shrinks towards 0, hence a delta that lay in a norm ball stays in it.

    Args:
      delta: `f32[h w c]`.
      image: `f32[h w c]` in [0, 1].

    Returns:
      `f32[h w c]`.
    """
    return jnp.clip(image + delta, 0.0, 1.0) - image
