"""Attacks that follow the model's linearised class boundaries: DeepFool and FAB."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.objectives import margin, wrong_classes
from dd_jax.attacks.plane import to_plane
from dd_jax.attacks.rounds import Rounds, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key

HALVINGS = 8  # of FAB's way back from its closest point
CANDIDATES = 9  # most likely wrong classes of the clean image that are looked at


def deepfool(ball: Constraint, *, steps: int, overshoot: float = 0.02) -> Rounds:
    """Walk to the nearest linearised class boundary until the class changes.

    `k* = argmin_k |f_k| / ||w_k||_q`, `f_k = z_k - z_y`, `w_k = grad f_k`, q dual to
    the ball's norm; `r <- r + (|f| + 1e-4) / ||w||_q * u`, u the steepest unit step
    along w; `x <- clip(x_0 + (1 + overshoot) r)`.

    Source: Moosavi-Dezfooli et al. 2016, algorithm 2 and section 3.3. Differs from the
    released code in: pixels stay in [0, 1]; all images walk at once, those that are
    through stand still.

    Args:
      ball: gives the norm; its radius is not used.
      steps: number of steps, static.
      overshoot: how far beyond the boundary.

    Raises:
      InputError: no steps.
    """
    _check_steps(steps)

    def one(key: Key, logits_fn: LogitsFn, images: Array, labels: Array, index: Array):
        del key, index
        boundary = partial(_nearest_boundary, ball, logits_fn, labels)
        classes = _wrong(logits_fn(images), labels)
        place = lambda total: jnp.clip(images + (1 + overshoot) * total, 0.0, 1.0)

        def body(_, total):
            ahead, slope, fooled = boundary(place(total), classes)
            unit = jax.vmap(ball.steepest)(slope)
            size = (jnp.abs(ahead) + 1e-4) / jnp.maximum(_dot(unit, slope), 1e-12)
            return total + jnp.where(fooled, 0.0, size)[:, None, None, None] * unit

        reached = place(lax.fori_loop(0, steps, body, jnp.zeros_like(images)))
        fooled = jax.vmap(margin)(logits_fn(reached), labels) > 0
        distance = jax.vmap(ball.norm)(reached - images)
        return reached, jnp.where(fooled, -distance, -jnp.inf)

    return Rounds(one, Settings(steps), minimal=True)


def fab(
    ball: Constraint,
    *,
    steps: int,
    restarts: int = 1,
    targets: int = 0,
    bias: float = 0.1,
    overshoot: float = 1.05,
    backward: float = 0.9,
) -> Rounds:
    """Fast adaptive boundary attack: the closest point behind a class boundary.

    With d1 and d2 the least-norm ways of x and of the clean x_0 to the linearised
    boundary inside the box: `a = min(||d1|| / (||d1|| + ||d2||), bias)`,
    `x <- clip((1 - a) (x + overshoot d1) + a (x_0 + overshoot d2))`. Where that is
    adversarial it counts if it is the closest so far, and
    `x <- x_0 + backward (x - x_0)`.

    A targeted run goes for the boundary to one wrong class, an untargeted one for the
    nearest. Untargeted runs but the first start at a random point, eps / 2 away. In the
    end 8 bisections look for a closer point on the way back to x_0.

    Source: Croce and Hein 2020, "Minimally distorted adversarial examples with a fast
    adaptive boundary attack", algorithm 1 and its final search. Differs from the
    released code in: the start does not depend on earlier runs; that search bisects.

    Args:
      ball: the norm; its radius only sets how far random starts lie.
      steps: number of steps, static.
      restarts: runs of the untargeted attack.
      targets: runs of the targeted attack; 0 for untargeted.
      bias: largest weight of the clean image.
      overshoot: factor on both ways.
      backward: factor on the way back.

    Raises:
      InputError: no steps.
    """
    _check_steps(steps)
    way = jax.vmap(to_plane(ball.name))
    norm = jax.vmap(ball.norm)

    def one(key: Key, logits_fn: LogitsFn, images: Array, labels: Array, index: Array):
        boundary = partial(_nearest_boundary, ball, logits_fn, labels)
        classes = _wrong(logits_fn(images), labels, None if targets else CANDIDATES)
        start = images
        if targets:
            classes = lax.dynamic_slice_in_dim(classes, index, 1, axis=1)
        elif restarts > 1:
            keys = jax.random.split(key, len(images))
            noise = jax.vmap(lambda k: jax.random.normal(k, images.shape[1:]))(keys)
            far = 0.5 * ball.eps / norm(noise)[:, None, None, None]
            start = jnp.clip(images + jnp.where(index > 0, far, 0.0) * noise, 0.0, 1.0)

        def body(_, carry):
            point, closest, least = carry
            ahead, slope, _ = boundary(point, classes)
            on = way(slope, -ahead, point)
            out = way(slope, -ahead - _dot(slope, images - point), images)
            share = norm(on) / jnp.maximum(norm(on) + norm(out), 1e-12)
            share = jnp.minimum(share, bias)[:, None, None, None]
            on, out = point + overshoot * on, images + overshoot * out
            point = jnp.clip((1 - share) * on + share * out, 0.0, 1.0)
            fooled = jax.vmap(margin)(logits_fn(point), labels) > 0
            distance = norm(point - images)
            closer = fooled & (distance < least)
            closest = select(closer, point, closest)
            least = jnp.where(closer, distance, least)
            point = select(fooled, images + backward * (point - images), point)
            return point, closest, least

        carry = start, images, jnp.full(len(images), jnp.inf)
        _, closest, least = lax.fori_loop(0, steps, body, carry)
        height = lambda points: jax.vmap(margin)(logits_fn(points), labels)
        share = _way_back(height, images, closest)
        closest = images + share[:, None, None, None] * (closest - images)
        return closest, -least * share

    again = 1 if targets else restarts
    settings = Settings(steps, None, again, targets, random_start=again > 1)
    return Rounds(
        one, settings, targets or restarts, targeted=bool(targets), minimal=True
    )


def _way_back(height, images, found):
    """How much of the way to each adversarial point is needed: `f32[n]` in (0, 1]."""

    def halve(_, ends):
        near, far = ends
        middle = (near + far) / 2
        at = images + middle[:, None, None, None] * (found - images)
        fooled = height(at) > 0
        return jnp.where(fooled, near, middle), jnp.where(fooled, middle, far)

    ends = jnp.zeros(len(images)), jnp.ones(len(images))
    return lax.fori_loop(0, HALVINGS, halve, ends)[1]


def _nearest_boundary(ball, logits_fn, labels, points, classes):
    """Of the boundaries to some classes the nearest to each point, linearised there.

    Returns:
      `f32[n]` lead of that class, `f32[n h w c]` its gradient, `bool[n]` misclassified.
    """
    logits, pull = jax.vjp(logits_fn, points)
    one_hot = lambda c: jax.nn.one_hot(c, logits.shape[-1], dtype=logits.dtype)
    lead = lambda c: jnp.sum(logits * (one_hot(c) - one_hot(labels)), -1)
    ahead = jax.vmap(lead)(classes.T)
    slopes = jax.vmap(lambda c: pull(one_hot(c) - one_hot(labels))[0])(classes.T)
    dual = jax.vmap(jax.vmap(lambda w: jnp.vdot(w, ball.steepest(w))))(slopes)
    nearest = (jnp.abs(ahead) / jnp.maximum(dual, 1e-12)).argmin(0)
    rows = jnp.arange(len(points))
    fooled = jax.vmap(margin)(logits, labels) > 0
    return ahead[nearest, rows], slopes[nearest, rows], fooled


def _wrong(logits: Array, labels: Array, count: int | None = CANDIDATES) -> Array:
    """The most likely wrong classes, all or some: `i32[n m]`."""
    every = logits.shape[-1] - 1
    wanted = every if count is None else min(count, every)
    return jax.vmap(wrong_classes, (0, 0, None))(logits, labels, wanted)


def _dot(a: Array, b: Array) -> Array:
    return jnp.sum(a * b, (1, 2, 3))


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InputError(f"attack has steps={steps}; it needs 1 or more")
