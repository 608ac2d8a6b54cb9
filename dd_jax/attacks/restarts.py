"""Restarts: an attack run several times, from random starts or for target classes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.attack import Attack, Kind
from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, Key


class Restarts(NamedTuple):
    """An attack that is run a number of times, each independent of the others.

    Attributes:
      run_once: `(key, logits_fn, images f32[n h w c], labels i32[n], index i32[]) ->
        (images f32[n h w c], score f32[n])`; the higher score is the better attack. The
        score of an attack in a ball is its margin, that of a distance-minimising one
        the negative distance, -inf where it found no adversarial example.
      settings: what fixes its strength.
      count: number of restarts, or of target classes.
      targeted: whether run `index` aims at the wrong class of that rank, so that there
        are at most as many as wrong classes.
      minimises_distance: whether the score is a negative distance.
    """

    run_once: Callable[[Key, LogitsFn, Array, Array, Array], tuple[Array, Array]]
    settings: Settings
    count: int = 1
    targeted: bool = False
    minimises_distance: bool = False

    def number(self, num_classes: int) -> int:
        """How often it runs on a model of `num_classes` classes."""
        return min(self.count, num_classes - 1) if self.targeted else self.count


def best_of(
    restarts: Restarts,
) -> Callable[[Key, LogitsFn, Array, Array], tuple[Array, Array]]:
    """All restarts one after another in one program; each example keeps its best.

    Returns:
      `(key, logits_fn, images, labels) -> (images f32[n h w c], score f32[n])`.
    """

    def run(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        num_classes = jax.eval_shape(logits_fn, images).shape[-1]
        once = lambda i: restarts.run_once(
            jax.random.fold_in(key, i), logits_fn, images, labels, i
        )
        found, scores = lax.map(once, jnp.arange(restarts.number(num_classes)))
        best = scores.argmax(0)
        return found[best, jnp.arange(len(images))], scores.max(0)

    return run


def attack_in_ball(ball: Constraint, restarts: Restarts, kind: Kind) -> Attack:
    """An attack that ends inside the ball, at its best restart."""
    search = best_of(restarts)
    run = lambda key, logits_fn, *batch: search(key, logits_fn, *batch)[0]
    return Attack(run, ball, restarts.settings, kind)


def attack_by_distance(ball: Constraint, restarts: Restarts) -> Attack:
    """The closest adversarial example where it is in the ball, else the clean image."""
    search = best_of(restarts)

    def minimise(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        found, scores = search(key, logits_fn, images, labels)
        wrong = jax.vmap(margin)(logits_fn(images), labels) > 0
        return select(wrong, images, found), jnp.where(wrong, 0.0, -scores)

    def run(key: Key, logits_fn: LogitsFn, images: Array, labels: Array) -> Array:
        found, distance = minimise(key, logits_fn, images, labels)
        return select(distance <= ball.eps, found, images)

    return Attack(run, ball, restarts.settings, "distance", minimise=minimise)


def select(mask: Array, yes: Array, no: Array) -> Array:
    """`yes` for the examples where the mask is true, else `no`.

    Args:
      mask: `bool[n]`.
      yes: `[n ...]`.
      no: `[n ...]`.

    Returns:
      `[n ...]`.
    """
    return jnp.where(mask.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
