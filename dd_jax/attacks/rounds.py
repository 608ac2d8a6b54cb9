"""Rounds: one run of an attack; restarts and targets are several, the best counts."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.objectives import margin
from dd_jax.attacks.settings import Settings
from dd_jax.types import Array, Key


class Rounds(NamedTuple):
    """An attack as a number of independent runs.

    Attributes:
      one: `(key, logits_fn, images f32[n h w c], labels i32[n], index i32[]) ->
        (images f32[n h w c], score f32[n])`; the higher score is the better attack. The
        score of an attack in a ball is its margin, that of a distance-minimising one
        the negative distance, -inf where it found no adversarial example.
      settings: what fixes its strength.
      count: how many runs at most.
      targeted: whether run `index` goes for the wrong class of that rank, so that there
        are no more runs than wrong classes.
      eot: number of draws averaged at each gradient of a randomised model, which is
        called as `logits_fn(key, images)`; 0 for `logits_fn(images)`.
      minimal: whether the score is a negative distance.
    """

    one: Callable[[Key, LogitsFn, Array, Array, Array], tuple[Array, Array]]
    settings: Settings
    count: int = 1
    targeted: bool = False
    eot: int = 0
    minimal: bool = False

    def number(self, classes: int) -> int:
        """Runs that a model of so many classes calls for."""
        return min(self.count, classes - 1) if self.targeted else self.count


def draws(logits_fn: LogitsFn, eot: int) -> Callable[[Key, Array], Array]:
    """Logits of several draws of a randomised model, of a plain model the one there is.

    Args:
      logits_fn: `images -> f32[n k]`, or `(key, images) -> f32[n k]` if eot > 0.
      eot: number of draws, static.

    Returns:
      `(key, images) -> f32[max(eot, 1) n k]`.
    """
    if not eot:
        return lambda key, images: logits_fn(images)[None]
    return lambda key, images: jax.vmap(logits_fn, (0, None))(
        jax.random.split(key, eot), images
    )


def best_of(
    rounds: Rounds,
) -> Callable[[Key, LogitsFn, Array, Array], tuple[Array, Array]]:
    """All runs one after another in one program; each example keeps its best.

    Args:
      rounds: the attack.

    Returns:
      `(key, logits_fn, images, labels) -> (images f32[n h w c], score f32[n])`.
    """

    def run(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        logits = draws(logits_fn, rounds.eot)
        classes = jax.eval_shape(logits, key, images).shape[-1]
        attempt = lambda i: rounds.one(
            jax.random.fold_in(key, i), logits_fn, images, labels, i
        )
        tries, scores = lax.map(attempt, jnp.arange(rounds.number(classes)))
        best = scores.argmax(0)
        return tries[best, jnp.arange(len(images))], scores.max(0)

    return run


def minimiser(
    rounds: Rounds,
) -> Callable[[Key, LogitsFn, Array, Array], tuple[Array, Array]]:
    """The closest adversarial example of all runs, and how far it is.

    Args:
      rounds: runs of a distance-minimising attack.

    Returns:
      `(key, logits_fn, images, labels) -> (images f32[n h w c], distance f32[n])`: 0
      and the clean image where that is misclassified, infinity where nothing was found.
    """

    def run(key: Key, logits_fn: LogitsFn, images: Array, labels: Array):
        found, scores = best_of(rounds)(key, logits_fn, images, labels)
        wrong = jax.vmap(margin)(logits_fn(images), labels) > 0
        return select(wrong, images, found), jnp.where(wrong, 0.0, -scores)

    return run


def select(mask: Array, yes: Array, no: Array) -> Array:
    """Per example: `yes` where the mask holds, else `no`.

    Args:
      mask: `bool[n]`.
      yes: `[n ...]`.
      no: `[n ...]`.

    Returns:
      `[n ...]`.
    """
    return jnp.where(mask.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
