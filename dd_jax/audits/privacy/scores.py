"""The registry of membership scores, and every model taking its turn as the target."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.audits.privacy import (
    calibrated,
    lira,
    quantile,
    rmia,
    shadow_classifier,
    thresholds,
)
from dd_jax.catalogue import Registry, resolve
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError


class Score(NamedTuple):
    """A membership score: a signal of every model, then its comparison for one target.

    Called as `score(logits f32[m n q k], labels i32[n], member bool[m n], target,
    **options) -> f32[n]`, higher = more likely a member. Jittable, `target` included.

    Attributes:
      signal: `(logits, labels, member) -> arrays`, whatever all targets share: computed
        once for all of them.
      compare: `(signal, member, target, **options) -> f32[n]`.
    """

    signal: Callable[[Array, Array, Array], Any]
    compare: Callable[..., Array]

    def __call__(
        self, logits: Array, labels: Array, member: Array, target: Any, **options: Any
    ) -> Array:
        """Scores the points against one target model."""
        signal = self.signal(logits, labels, member)
        return self.compare(signal, member, target, **options)


_per_class = partial(thresholds.threshold, per_class=True)
LIRA_ONLINE = Score(lira.sides, lira.online)
LIRA_OFFLINE = Score(lira.sides, lira.offline)
RMIA = Score(rmia.log_probabilities, rmia.rmia)
LOSS = Score(thresholds.likelihood, thresholds.threshold)
LOSS_PER_CLASS = Score(thresholds.likelihood, _per_class)
ENTROPY = Score(thresholds.certainty, thresholds.threshold)
ENTROPY_PER_CLASS = Score(thresholds.certainty, _per_class)
MODIFIED_ENTROPY = Score(thresholds.modified_certainty, thresholds.threshold)
MODIFIED_ENTROPY_PER_CLASS = Score(thresholds.modified_certainty, _per_class)
CALIBRATED = Score(calibrated.log_odds, calibrated.calibrated)
CALIBRATED_OUT = Score(
    calibrated.log_odds, partial(calibrated.calibrated, offset="out")
)
SHADOW_CLASSIFIER = Score(
    shadow_classifier.posteriors, shadow_classifier.shadow_classifier
)
QUANTILE = Score(quantile.described, quantile.quantile)
SCORES = Registry("score")


def score_of(name: str) -> Score:
    """The score of a name; of a registered function, each target computes all.

    Raises:
      InputError: an unknown name.
    """
    found = resolve("score", name)
    if isinstance(found, Score):
        return found
    return _adapted(found)


@reused
def _adapted(function: Callable) -> Score:
    compare = lambda data, *rest, **options: function(*data, *rest, **options)
    return Score(lambda logits, labels, member: (logits, labels), compare)


@partial(jax.jit, static_argnames=("score", "options"))
def _all_targets(score, logits, labels, member, options):
    signal = score.signal(logits, labels, member)
    compare = lambda target: score.compare(signal, member, target, **dict(options))
    return lax.map(compare, jnp.arange(len(logits)))


def all_targets(
    name: str, logits: Array, labels: Array, member: Array, **options: Any
) -> Array:
    """Scores every point against every model, each in turn the target, in one program.

    The models other than the target and its complement are the shadows.

    Args:
      name: a key of `SCORES`.
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      **options: static options of the score, such as `variance` for LiRA, `a` for RMIA,
        `per_class` for the thresholds, `offset` for calibrated.

    Returns:
      `f32[m n]`; row t holds the scores against model t.

    Raises:
      InputError: an unknown name; shapes that disagree; masks that are not
        complementary pairs; fewer than two pairs.
    """
    score = score_of(name)
    member = np.asarray(member, bool)
    if member.ndim != 2 or logits.ndim != 4 or member.shape != logits.shape[:2]:
        raise InputError(
            f"member: shape {member.shape} against logits {logits.shape}; "
            "need bool[m n] with f32[m n q k]"
        )
    if len(member) < 4 or not np.array_equal(member[::2], ~member[1::2]):
        raise InputError(
            f"member: {len(member)} rows; need at least 2 complementary pairs, "
            "row 2i+1 being the complement of row 2i"
        )
    return _all_targets(score, logits, labels, member, tuple(sorted(options.items())))
