"""Parts of an attack step, as optax gradient transformations of one perturbation.

`params` is the perturbation; `updates` enters as the gradient of the loss to maximise
and leaves as the step. `optax.chain` composes them with `optax.scale` (step size) and
`optax.trace` (momentum). The extra argument `image` is the clean image, which only the
projection uses.
"""

import jax.numpy as jnp
import optax

from dd_jax.attacks.constraints import Constraint
from dd_jax.types import Array


def direction(ball: Constraint) -> optax.GradientTransformation:
    """Turn a gradient into the ball's steepest unit step: sign, or `g / ||g||_2`."""
    return optax.stateless(lambda gradient, delta: ball.steepest(gradient))


def scale_to_unit_l1() -> optax.GradientTransformation:
    """Divide a gradient by its L1 norm, so that momentum weights all steps equally.

    Source: Dong et al. 2018, eq. 6.
    """
    tiny = jnp.finfo(jnp.float32).tiny
    return optax.stateless(lambda g, delta: g / jnp.maximum(jnp.abs(g).sum(), tiny))


def project(ball: Constraint) -> optax.GradientTransformationExtraArgs:
    """Shorten a step so that it ends inside ball and pixel box: `P(delta + u) - delta`.

    Ball first, box second: that point is in both sets (see `into_box`), and for the
    Linf ball it is the nearest one.
    """

    def update(step: Array, state, delta: Array, *, image: Array, **extra):
        del extra
        return ball.within(delta + step, image) - delta, state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)
