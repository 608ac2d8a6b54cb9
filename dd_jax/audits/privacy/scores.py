"""The membership scores by name, and every model in turn as the target."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import chex
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
from dd_jax.types import Array, InputError

NEEDS = ("none", "out", "in_out")


class Score(NamedTuple):
    """A membership score: a signal of every model, then its comparison for one target.

    Called as `score(logits f32[m n q k], labels i32[n], member bool[m n], target,
    **options) -> f32[n]`, higher = more likely a member. Jittable, `target` included.

    Attributes:
      signal: `(logits, labels, member) -> arrays` that all targets share: computed once
        for all of them.
      compare: `(signal, member, target, **options) -> f32[n]`; its keyword-only
        arguments are the options of the score.
      needs: the shadow models that the score uses, by default options: `none` (the
        target alone), `out` (shadows that were not given the point) or `in_out` (those
        that were, too).
    """

    signal: Callable[[Array, Array, Array], Any]
    compare: Callable[..., Array]
    needs: str = "in_out"

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that `compare` takes.

        >>> SCORES["lira_online"].options, SCORES["loss"].options
        (('variance',), ())
        """
        parameters = inspect.signature(self.compare).parameters.values()
        return tuple(p.name for p in parameters if p.kind == p.KEYWORD_ONLY)

    def __call__(
        self, logits: Array, labels: Array, member: Array, target: Any, **options: Any
    ) -> Array:
        """Scores the points against one target model."""
        _check_shapes(logits, labels, member)
        signal = self.signal(logits, labels, member)
        return self.compare(signal, member, target, **options)


SCORES = {
    "lira_online": Score(lira.lira_signal, lira.lira_online),
    "lira_offline": Score(lira.lira_signal, lira.lira_offline, "out"),
    "rmia": Score(rmia.rmia_signal, rmia.rmia),
    "loss": Score(thresholds.negative_loss, thresholds.global_threshold, "none"),
    "loss_per_class": Score(
        thresholds.negative_loss, thresholds.class_threshold, "out"
    ),
    "entropy": Score(thresholds.negative_entropy, thresholds.global_threshold, "none"),
    "entropy_per_class": Score(
        thresholds.negative_entropy, thresholds.class_threshold, "out"
    ),
    "modified_entropy": Score(
        thresholds.negative_modified_entropy, thresholds.global_threshold, "none"
    ),
    "modified_entropy_per_class": Score(
        thresholds.negative_modified_entropy, thresholds.class_threshold, "out"
    ),
    "calibrated": Score(calibrated.calibration_signal, calibrated.calibrated),
    "calibrated_out": Score(
        calibrated.calibration_signal, calibrated.calibrated_out, "out"
    ),
    "shadow_classifier": Score(
        shadow_classifier.posterior_signal, shadow_classifier.shadow_classifier
    ),
    "quantile": Score(quantile.quantile_signal, quantile.quantile, "none"),
}


def _check_shapes(logits: Array, labels: Array, member: Array) -> None:
    chex.assert_rank([logits, labels, member], [4, 1, 2])
    chex.assert_equal_shape_prefix([logits, member], 2)
    chex.assert_shape(labels, logits.shape[1:2])
    chex.assert_type([logits, labels, member], [float, int, bool])


@partial(jax.jit, static_argnames=("score", "options"))
def _all_targets(score, logits, labels, member, options):
    signal = score.signal(logits, labels, member)
    compare = lambda target: score.compare(signal, member, target, **dict(options))
    return lax.map(compare, jnp.arange(len(logits)))


def all_targets(
    score: str | Score, logits: Array, labels: Array, member: Array, **options: Any
) -> Array:
    """Scores every point against every model, each in turn the target, in one program.

    The models other than the target and its complement are the shadows.

    Args:
      score: a key of `SCORES`, or a `Score`.
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      **options: static options of the score, such as `variance` for LiRA and `a` for
        RMIA; see `Score.options`.

    Returns:
      `f32[m n]`; row t holds the scores against model t.

    Raises:
      InputError: an unknown name or option; shapes that disagree; masks that are not
        complementary pairs; fewer than two pairs.
    """
    if isinstance(score, str):
        if score not in SCORES:
            raise InputError(f"scores: {score!r} is not known; use {', '.join(SCORES)}")
        score = SCORES[score]
    if unknown := set(options) - set(score.options):
        raise InputError(
            f"scores: option {min(unknown)!r} is not known; the score takes "
            f"{', '.join(score.options) or 'none'}"
        )
    member = np.asarray(member, bool)
    if member.ndim != 2 or np.ndim(logits) != 4 or member.shape != logits.shape[:2]:
        raise InputError(
            f"member: shape {member.shape} against logits {np.shape(logits)}; "
            "need bool[m n] with f32[m n q k]"
        )
    if len(member) < 4 or not np.array_equal(member[::2], ~member[1::2]):
        raise InputError(
            f"member: {len(member)} rows; need at least 2 complementary pairs, "
            "row 2i+1 being the complement of row 2i"
        )
    _check_shapes(logits, labels, member)
    return _all_targets(score, logits, labels, member, tuple(sorted(options.items())))
