"""The sets that a perturbation must stay in: norm balls, and the pixel box."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dd_jax.types import Array, InputError, Key

_TINY = jnp.finfo(jnp.float32).tiny


class Constraint(NamedTuple):
    """A norm ball around the clean image, as pure functions of one perturbation.

    Attributes:
      name: the norm, `linf` or `l2`.
      eps: radius in pixel units; a float or a traced scalar.
      norm: `delta f32[h w c] -> f32[]`.
      project: `delta -> nearest point of the ball` (Euclidean distance).
      sample: `(key, shape) -> f32[shape]`, uniform in the ball.
      steepest: `gradient -> unit-norm step along which a linear loss rises most`;
        zero where the gradient is.
    """

    name: str
    eps: Array
    norm: Callable[[Array], Array]
    project: Callable[[Array], Array]
    sample: Callable[[Key, tuple[int, ...]], Array]
    steepest: Callable[[Array], Array]


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
    return Constraint(
        name="linf",
        eps=eps,
        norm=lambda delta: jnp.abs(delta).max(),
        project=lambda delta: optax.projections.projection_linf_ball(delta, eps),
        sample=lambda key, shape: eps * jax.random.uniform(key, shape, minval=-1.0),
        steepest=jnp.sign,
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
    )


def into_box(delta: Array, image: Array) -> Array:
    """Cut a perturbation so that `image + delta` is a picture: `clip(x + d, 0, 1) - x`.

    Every entry shrinks towards 0, hence a delta that lay in a norm ball stays in it.

    Args:
      delta: `f32[h w c]`.
      image: `f32[h w c]` in [0, 1].

    Returns:
      `f32[h w c]`.
    """
    return jnp.clip(image + delta, 0.0, 1.0) - image
