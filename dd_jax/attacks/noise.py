"""Random noise in the ball: the baseline of every other attack."""

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint, into_box
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.restarts import Restarts, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import InputError, Key


def uniform_noise(ball: Constraint, *, steps: int) -> Restarts:
    """The best of `steps` points, uniform in the ball and clipped to the box.

    Source: the random-noise check of Carlini et al. 2019, "On evaluating adversarial
    robustness", section 4.

    Args:
      ball: the norm ball.
      steps: random draws, static.

    Raises:
      InputError: no steps.
    """
    if steps < 1:
        raise InputError(f"attack has steps={steps}; it needs 1 or more")

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
        del index
        draw = lambda k, image: into_box(ball.sample(k, image.shape), image)

        def body(i, best):
            keys = jax.random.split(jax.random.fold_in(key, i), len(images))
            tried = jnp.clip(images + jax.vmap(draw)(keys, images), 0.0, 1.0)
            margins = jax.vmap(margin)(logits_fn(tried), labels)
            better = margins > best[1]
            best_margins = jnp.where(better, margins, best[1])
            return select(better, tried, best[0]), best_margins

        start = images, jnp.full(len(images), -jnp.inf)
        return lax.fori_loop(0, steps, body, start)

    return Restarts(run_once, Settings(steps, random_start=True))
