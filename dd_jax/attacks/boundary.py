"""Attacks that follow the model's linearised class boundaries: DeepFool and FAB."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.hyperplane import project_to_hyperplane
from dd_jax.attacks.objectives import margin, wrong_classes
from dd_jax.attacks.restarts import Restarts, select
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, InputError, Key

BISECTIONS = 8  # of FAB's final search
CANDIDATES = 9  # most likely wrong classes of the clean image that are considered


def deepfool_search(
    ball: Constraint, *, steps: int, overshoot: float = 0.02
) -> Restarts:
    """Step to the nearest linearised class boundary until the class changes.

    `k* = argmin_k |f_k| / ||w_k||_q`, `f_k = z_k - z_y`, `w_k = grad f_k`, q dual to
    the ball's norm; `r <- r + (|f| + 1e-4) / ||w||_q * u`, u the steepest unit step
    along w; `x <- clip(x_0 + (1 + overshoot) r)`.

    Source: Moosavi-Dezfooli et al. 2016, algorithm 2 and section 3.3. Differs from the
    released code in: pixels stay in [0, 1]; misclassified images stay where they
    are while the others continue.

    Args:
      ball: gives the norm; its radius is not used.
      steps: number of steps, static.
      overshoot: factor beyond the boundary, less 1.

    Raises:
      InputError: no steps.
    """
    _check_steps(steps)

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
        del key, index
        boundary = partial(_nearest_boundary, ball, logits_fn, labels)
        classes = _wrong(logits_fn(images), labels)
        point = lambda total: jnp.clip(images + (1 + overshoot) * total, 0.0, 1.0)

        def body(_, total):
            lead, slope, wrong = boundary(point(total), classes)
            unit = jax.vmap(ball.steepest)(slope)
            size = (jnp.abs(lead) + 1e-4) / jnp.maximum(_dot(unit, slope), 1e-12)
            return total + jnp.where(wrong, 0.0, size)[:, None, None, None] * unit

        found = point(lax.fori_loop(0, steps, body, jnp.zeros_like(images)))
        wrong = jax.vmap(margin)(logits_fn(found), labels) > 0
        distance = jax.vmap(ball.norm)(found - images)
        return found, jnp.where(wrong, -distance, -jnp.inf)

    return Restarts(run_once, Settings(steps), minimises_distance=True)


def fast_adaptive_boundary(
    ball: Constraint,
    *,
    steps: int,
    restarts: int = 1,
    targets: int = 0,
    bias: float = 0.1,
    overshoot: float = 1.05,
    backward: float = 0.9,
) -> Restarts:
    """Fast adaptive boundary attack: the closest point behind a class boundary.

    With d1 and d2 the least-norm projections of x and of the clean x_0 onto the
    linearised boundary within the box: `a = min(||d1|| / (||d1|| + ||d2||), bias)`,
    `x <- clip((1 - a) (x + overshoot d1) + a (x_0 + overshoot d2))`. Where that is
    adversarial it counts if it is the closest so far, and
    `x <- x_0 + backward (x - x_0)`.

    A targeted run takes the boundary to one target class, an untargeted one the
    nearest. Restarts of an untargeted attack begin at a random point, eps / 2 away. A
    final search of 8 bisections searches for a closer point between x_0 and the result.

    Source: Croce and Hein 2020, "Minimally distorted adversarial examples with a fast
    adaptive boundary attack", algorithm 1 and its final search. Differs from the
    released code in: the start does not depend on earlier runs; that search bisects.

    Args:
      ball: the norm; its radius only sets how far random starts lie.
      steps: number of steps, static.
      restarts: restarts of an untargeted attack, the first from the clean image.
      targets: number of target classes; 0 for an untargeted attack.
      bias: largest weight of the clean image.
      overshoot: factor of both projections, beyond the boundary.
      backward: factor of the backward step, towards the clean image.

    Raises:
      InputError: no steps.
    """
    _check_steps(steps)
    project = jax.vmap(project_to_hyperplane(ball.name))
    norm = jax.vmap(ball.norm)

    def run_once(key: Key, logits_fn: LogitsFn, images, labels, index):
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
            lead, slope, _ = boundary(point, classes)
            d1 = project(slope, -lead, point)
            d2 = project(slope, -lead - _dot(slope, images - point), images)
            a = norm(d1) / jnp.maximum(norm(d1) + norm(d2), 1e-12)
            a = jnp.minimum(a, bias)[:, None, None, None]
            d1, d2 = point + overshoot * d1, images + overshoot * d2
            point = jnp.clip((1 - a) * d1 + a * d2, 0.0, 1.0)
            wrong = jax.vmap(margin)(logits_fn(point), labels) > 0
            distance = norm(point - images)
            closer = wrong & (distance < least)
            closest = select(closer, point, closest)
            least = jnp.where(closer, distance, least)
            point = select(wrong, images + backward * (point - images), point)
            return point, closest, least

        carry = start, images, jnp.full(len(images), jnp.inf)
        _, closest, least = lax.fori_loop(0, steps, body, carry)
        margins_of = lambda points: jax.vmap(margin)(logits_fn(points), labels)
        factor = _final_search(margins_of, images, closest)
        closest = images + factor[:, None, None, None] * (closest - images)
        return closest, -least * factor

    again = 1 if targets else restarts
    settings = Settings(steps, None, again, targets, random_start=again > 1)
    return Restarts(
        run_once,
        settings,
        targets or restarts,
        targeted=bool(targets),
        minimises_distance=True,
    )


def _final_search(margins_of, images, found):
    """Least factor at which each perturbation is adversarial: `f32[n]` in (0, 1]."""

    def halve(_, ends):
        near, far = ends
        middle = (near + far) / 2
        at = images + middle[:, None, None, None] * (found - images)
        wrong = margins_of(at) > 0
        return jnp.where(wrong, near, middle), jnp.where(wrong, middle, far)

    ends = jnp.zeros(len(images)), jnp.ones(len(images))
    return lax.fori_loop(0, BISECTIONS, halve, ends)[1]


def _nearest_boundary(ball, logits_fn, labels, points, classes):
    """The nearest of the boundaries to some classes, linearised at each point.

    Returns:
      `f32[n]` logit margin of that class over the label, `f32[n h w c]` its gradient,
      `bool[n]` misclassified.
    """
    logits, pull = jax.vjp(logits_fn, points)
    one_hot = lambda c: jax.nn.one_hot(c, logits.shape[-1], dtype=logits.dtype)
    lead_of = lambda c: jnp.sum(logits * (one_hot(c) - one_hot(labels)), -1)
    leads = jax.vmap(lead_of)(classes.T)
    slopes = jax.vmap(lambda c: pull(one_hot(c) - one_hot(labels))[0])(classes.T)
    dual = jax.vmap(jax.vmap(lambda w: jnp.vdot(w, ball.steepest(w))))(slopes)
    nearest = (jnp.abs(leads) / jnp.maximum(dual, 1e-12)).argmin(0)
    rows = jnp.arange(len(points))
    wrong = jax.vmap(margin)(logits, labels) > 0
    return leads[nearest, rows], slopes[nearest, rows], wrong


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
