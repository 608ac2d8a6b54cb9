"""Random noise in the ball: the attack that every other one has to beat."""

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint, into_box
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.rounds import Rounds, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key


def noise(ball: Constraint, *, steps: int) -> Rounds:
    """The best of so many points drawn uniformly from the ball and cut to the box.

    Source: the random-noise check of Carlini et al. 2019, "On evaluating adversarial
    robustness", section 4.

    Args:
      ball: the norm ball.
      steps: draws, static.

    Raises:
      InputError: no steps.
    """
    if steps < 1:
        raise InputError(f"attack has steps={steps}; it needs 1 or more")

    def one(key: Key, logits_fn: LogitsFn, images: Array, labels: Array, index: Array):
        del index
        draw = lambda k, image: into_box(ball.sample(k, image.shape), image)

        def body(i, best):
            keys = jax.random.split(jax.random.fold_in(key, i), len(images))
            tried = jnp.clip(images + jax.vmap(draw)(keys, images), 0.0, 1.0)
            height = jax.vmap(margin)(logits_fn(tried), labels)
            won = height > best[1]
            return select(won, tried, best[0]), jnp.where(won, height, best[1])

        start = images, jnp.full(len(images), -jnp.inf)
        return lax.fori_loop(0, steps, body, start)

    return Rounds(one, Settings(steps, random_start=True))
