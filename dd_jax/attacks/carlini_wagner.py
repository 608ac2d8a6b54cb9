"""Carlini and Wagner's attack: least L2 distance with a misclassification penalty."""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.restarts import Restarts, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import InputError, Key

_INSIDE = 1 - 1e-3  # pixels at 0 and 1 start inside, where tanh has a gradient


def carlini_wagner(
    ball: Constraint,
    *,
    steps: int,
    searches: int,
    learning_rate: float,
    weight: float = 1e-2,
) -> Restarts:
    """Minimise `||x' - x||_2^2 + c max(z_y - max_{i != y} z_i, 0)` over the box.

    `x' = (tanh u + 1) / 2`, u by Adam. The weight c of each example grows tenfold until
    a search succeeds; from then on it is the middle of the largest that failed and the
    smallest that succeeded. The closest adversarial iterate of all searches counts.

    Source: Carlini and Wagner 2017, section VI. Differs from the released code in: no
    early stop; pixels at the ends of the box start 5e-4 inside.

    Args:
      ball: the L2 ball; its radius is not used.
      steps: of Adam in each search, static.
      searches: over c, static.
      learning_rate: of Adam, in units of u.
      weight: first c.

    Raises:
      InputError: no steps, no searches.
    """
    if steps < 1 or searches < 1:
        raise InputError(f"attack has steps={steps}, searches={searches}; both need 1+")
    adam = optax.adam(learning_rate)

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
        del key, index
        start = jnp.arctanh((2 * images - 1) * _INSIDE)

        def objective(u, c):
            points = (jnp.tanh(u) + 1) / 2
            margins = jax.vmap(margin)(logits_fn(points), labels)
            squares = jnp.sum((points - images) ** 2, (1, 2, 3))
            return jnp.sum(squares + c * jnp.maximum(-margins, 0.0)), (points, margins)

        def search(_, carry):
            c, low, high, closest, least = carry

            def step(_, inner):
                u, state, success, closest, least = inner
                slope, (points, margins) = jax.grad(objective, has_aux=True)(u, c)
                distance = jax.vmap(ball.norm)(points - images)
                wrong = margins > 0
                closer = wrong & (distance < least)
                change, state = adam.update(slope, state)
                return (
                    u + change,
                    state,
                    success | wrong,
                    select(closer, points, closest),
                    jnp.where(closer, distance, least),
                )

            inner = start, adam.init(start), jnp.zeros(len(c), bool), closest, least
            *_, success, closest, least = lax.fori_loop(0, steps, step, inner)
            low, high = jnp.where(success, low, c), jnp.where(success, c, high)
            c = jnp.where(jnp.isinf(high), 10 * c, (low + high) / 2)
            return c, low, high, closest, least

        flat = lambda value: jnp.full(len(images), value)
        carry = flat(weight), flat(0.0), flat(jnp.inf), images, flat(jnp.inf)
        *_, closest, least = lax.fori_loop(0, searches, search, carry)
        return closest, -least

    return Restarts(run_once, Settings(steps, loss="margin"), minimises_distance=True)
