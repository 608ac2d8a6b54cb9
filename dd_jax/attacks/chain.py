"""Projected gradient ascent: the loop of attacks with a fixed step size."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.attacks.constraints import Constraint, into_box
from dd_jax.attacks.objectives import LOSSES, margin
from dd_jax.types import Array, InputError, Key

LogitsFn = Callable[[Array], Array]


def ascend(
    ball: Constraint,
    step: optax.GradientTransformation,
    *,
    steps: int,
    restarts: int = 1,
    random_start: bool = True,
    loss: Callable[[Array, Array], Array] = LOSSES["ce"],
) -> Callable[[Key, LogitsFn, Array, Array], Array]:
    """Maximise a loss by gradient steps inside the ball and the pixel box.

    `delta <- delta + step(grad L(f(x + delta), y))`, `steps` times.

    Constraint and step are functions of one example, mapped over the batch. The
    gradient is that of the loss summed over the batch, which holds the gradient of each
    example as long as the model treats its inputs independently (all models here do,
    in evaluation). Each example ends at the iterate with the largest margin, of 1 to
    `steps` and of all restarts: it is misclassified if any of them was. The start is
    not among them, so that a single step from the clean image is FGSM.

    Args:
      ball: the norm ball.
      step: an optax chain that ends inside the ball, as `steps.project` does.
      steps: number of steps, static.
      restarts: independent random starts, mapped at once, static.
      random_start: begin at a uniform point of the ball instead of the clean image.
      loss: `(logits f32[k], label i32[]) -> f32[]`, such as those of `LOSSES`.

    Returns:
      `(key, logits_fn, images f32[n h w c] in [0, 1], labels i32[n]) -> images`, with
      `logits_fn: f32[n h w c] -> f32[n k]`. At eps = 0 the images come back unchanged.

    Raises:
      InputError: no steps, no restarts, or several without a random start.
    """
    if steps < 1 or restarts < 1:
        raise InputError(f"attack has steps={steps}, restarts={restarts}; both need 1+")
    if restarts > 1 and not random_start:
        raise InputError(
            f"attack has restarts={restarts} without random_start: all would be equal; "
            "use restarts=1"
        )
    step = optax.with_extra_args_support(step)

    def one_start(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        def total(delta):
            logits = logits_fn(images + delta)
            return jax.vmap(loss)(logits, labels).sum(), logits

        def body(i, carry):
            delta, state, best = carry
            gradient, logits = jax.grad(total, has_aux=True)(delta)
            margins = jnp.where(i == 0, -jnp.inf, jax.vmap(margin)(logits, labels))
            change, state = jax.vmap(step.update)(gradient, state, delta, image=images)
            return delta + change, state, _larger_margin(best, (delta, margins))

        delta = jnp.zeros_like(images)
        if random_start:
            keys = jax.random.split(key, len(images))
            draw = lambda k, image: into_box(ball.sample(k, image.shape), image)
            delta = jax.vmap(draw)(keys, images)
        best = delta, jnp.full(len(images), -jnp.inf)
        carry = delta, jax.vmap(step.init)(delta), best
        delta, _, best = lax.fori_loop(0, steps, body, carry)
        margins = jax.vmap(margin)(logits_fn(images + delta), labels)
        return _larger_margin(best, (delta, margins))

    def attack(key: Key, logits_fn: LogitsFn, images: Array, labels: Array) -> Array:
        run = lambda k: one_start(k, logits_fn, images, labels)
        deltas, margins = jax.vmap(run)(jax.random.split(key, restarts))
        delta = deltas[margins.argmax(0), jnp.arange(len(images))]
        return jnp.clip(images + delta, 0.0, 1.0)

    return attack


def _larger_margin(best: tuple[Array, Array], new: tuple[Array, Array]):
    """The (delta, margin) pair of the larger margin, for each example."""
    better = new[1] > best[1]
    delta = jnp.where(better[:, None, None, None], new[0], best[0])
    return delta, jnp.where(better, new[1], best[1])
