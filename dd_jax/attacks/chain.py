"""The loop that all gradient attacks share: start, then repeat one optax chain."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.attacks.constraints import Constraint, into_box
from dd_jax.attacks.objectives import cross_entropy, margin
from dd_jax.types import Array, InputError, Key

LogitsFn = Callable[[Array], Array]


def ascend(
    ball: Constraint,
    step: optax.GradientTransformation,
    *,
    steps: int,
    restarts: int = 1,
    random_start: bool = True,
    loss: Callable[[Array, Array], Array] = cross_entropy,
) -> Callable[[Key, LogitsFn, Array, Array], Array]:
    """Raise a loss by repeated steps inside the ball and the pixel box.

    `delta <- delta + step(grad L(f(x + delta), y))`, `steps` times.

    Constraint and step are functions of one example and are mapped over the batch; the
    gradient is one batched call, that of the summed loss, which holds every example's
    own gradient as long as the model treats its inputs one by one (all models here do,
    in evaluation). Each example ends at the one of its iterates 1 to `steps`, over all
    restarts, with the largest margin: it is misclassified if any of them was. The start
    is no candidate, so a single step from the clean image is plain FGSM.

    Args:
      ball: the norm ball.
      step: an optax chain that ends inside the ball, as `steps.project` does.
      steps: number of steps, static.
      restarts: independent random starts, mapped at once, static.
      random_start: begin at a uniform point of the ball, not at the clean image.
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
            f"attack has restarts={restarts} without random_start: all would be the "
            "same; use restarts=1"
        )
    step = optax.with_extra_args_support(step)

    def one_start(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        def total(delta):
            logits = logits_fn(images + delta)
            return jax.vmap(loss)(logits, labels).sum(), logits

        def body(i, carry):
            delta, state, best = carry
            gradient, logits = jax.grad(total, has_aux=True)(delta)
            height = jnp.where(i == 0, -jnp.inf, jax.vmap(margin)(logits, labels))
            change, state = jax.vmap(step.update)(gradient, state, delta, image=images)
            return delta + change, state, _higher(best, (delta, height))

        delta = jnp.zeros_like(images)
        if random_start:
            keys = jax.random.split(key, len(images))
            draw = lambda k, image: into_box(ball.sample(k, image.shape), image)
            delta = jax.vmap(draw)(keys, images)
        best = delta, jnp.full(len(images), -jnp.inf)
        carry = delta, jax.vmap(step.init)(delta), best
        delta, _, best = lax.fori_loop(0, steps, body, carry)
        height = jax.vmap(margin)(logits_fn(images + delta), labels)
        return _higher(best, (delta, height))

    def attack(key: Key, logits_fn: LogitsFn, images: Array, labels: Array) -> Array:
        run = lambda k: one_start(k, logits_fn, images, labels)
        deltas, heights = jax.vmap(run)(jax.random.split(key, restarts))
        delta = deltas[heights.argmax(0), jnp.arange(len(images))]
        return jnp.clip(images + delta, 0.0, 1.0)

    return attack


def _higher(best: tuple[Array, Array], new: tuple[Array, Array]):
    """For each example the (delta, height) pair of the larger height."""
    won = new[1] > best[1]
    delta = jnp.where(won[:, None, None, None], new[0], best[0])
    return delta, jnp.where(won, new[1], best[1])
