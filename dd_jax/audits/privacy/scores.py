"""The membership scores by name, and every model in turn as the target."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.audits.privacy import (
    base_score,
    bavaria,
    calibrated,
    lira,
    quantile,
    rmia,
    shadow_classifier,
    thresholds,
)
from dd_jax.catalogue import Registry, entry, resolve
from dd_jax.runtime.reuse import reused
from dd_jax.system.one_line import error_line
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
      needs: the shadow models that the score uses, by default options: `none` (only
        the target), `out` (shadows that were not given the point) or `in_out` (those
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
        own = [
            p for p in parameters if p.kind == p.KEYWORD_ONLY or p.default != p.empty
        ]
        return tuple(p.name for p in own)

    def __call__(
        self, logits: Array, labels: Array, member: Array, target: Any, **options: Any
    ) -> Array:
        """Scores the points against one target model."""
        _check_shapes(logits, labels, member)
        signal = self.signal(logits, labels, member)
        return self.compare(signal, member, target, **options)


LIRA_ONLINE = Score(lira.lira_signal, lira.lira_online)
LIRA_OFFLINE = Score(lira.lira_signal, lira.lira_offline, "out")
RMIA = Score(rmia.rmia_signal, rmia.rmia)
BASE = Score(rmia.rmia_signal, base_score.base)
BAVARIA = Score(calibrated.calibration_signal, bavaria.bavaria)
BAVARIA_OFFLINE = Score(calibrated.calibration_signal, bavaria.bavaria_offline, "out")
LOSS = Score(thresholds.negative_loss, thresholds.global_threshold, "none")
LOSS_PER_CLASS = Score(thresholds.negative_loss, thresholds.class_threshold, "out")
ENTROPY = Score(thresholds.negative_entropy, thresholds.global_threshold, "none")
ENTROPY_PER_CLASS = Score(
    thresholds.negative_entropy, thresholds.class_threshold, "out"
)
MODIFIED_ENTROPY = Score(
    thresholds.negative_modified_entropy, thresholds.global_threshold, "none"
)
MODIFIED_ENTROPY_PER_CLASS = Score(
    thresholds.negative_modified_entropy, thresholds.class_threshold, "out"
)
CALIBRATED = Score(calibrated.calibration_signal, calibrated.calibrated)
CALIBRATED_OUT = Score(calibrated.calibration_signal, calibrated.calibrated_out, "out")
SHADOW_CLASSIFIER = Score(
    shadow_classifier.posterior_signal, shadow_classifier.shadow_classifier
)
QUANTILE = Score(quantile.quantile_signal, quantile.quantile, "none")
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
    @wraps(function)  # for the names of its options
    def compare(data, *rest, **options):
        return function(*data, *rest, **options)

    return Score(lambda logits, labels, member: (logits, labels), compare)


def _check_shapes(logits: Array, labels: Array, member: Array) -> None:
    chex.assert_rank([logits, labels, member], [4, 1, 2])
    chex.assert_equal_shape_prefix([logits, member], 2)
    chex.assert_shape(labels, logits.shape[1:2])
    chex.assert_type([logits, labels, member], [float, int, bool])


def check_score(name: str, classes: int, options: dict[str, Any]) -> None:
    """Tries a score of others on made-up logits, before models are trained for it.

    Raises:
      InputError: it fails there, or gives no number a row.
    """
    if not entry("score", name).origin:
        return
    rows, member = 2 * classes, np.arange(4)[:, None] % 2 == np.arange(2 * classes) % 2
    logits = np.random.default_rng(0).normal(size=(4, rows, 1, classes))
    labels = np.arange(rows, dtype=np.int32) % classes
    try:
        found = all_targets(name, jnp.float32(logits), labels, member, **options)
    except Exception as error:
        raise InputError(f"score {name!r}: {error_line(error)}") from error
    if found.shape != member.shape:
        raise InputError(
            f"score {name!r}: shape {found.shape[1:]} for {rows} rows; it must give "
            "f32[n], a number a row"
        )


@reused
def _on_targets(score: Score, options: tuple) -> Callable[..., Array]:
    @jax.jit
    def run(logits, labels, member):
        signal = score.signal(logits, labels, member)
        compare = lambda target: score.compare(signal, member, target, **dict(options))
        return lax.map(compare, jnp.arange(len(logits)))

    return run


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
        score = score_of(score)
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
    run = _on_targets(score, tuple(sorted(options.items())))
    return run(logits, labels, member)
