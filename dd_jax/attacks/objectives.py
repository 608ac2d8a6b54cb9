"""Losses that an attack maximises, of the logits of one example."""

from collections.abc import Callable

import chex
import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.types import Array, InputError


def margin(logits: Array, label: Array) -> Array:
    """Logit margin of the most likely wrong class over the true one.

    `max_{i != y} z_i - z_y`, positive exactly where the example is misclassified.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, in logits.

    >>> float(margin(jnp.array([2.0, 1.0, 0.5, -1.0]), 0))
    -1.0
    """
    chex.assert_rank([logits, label], [1, 0])
    others = jnp.where(jnp.arange(logits.shape[-1]) == label, -jnp.inf, logits)
    return others.max() - logits[label]


def dlr(logits: Array, label: Array) -> Array:
    """Difference of logits ratio: the margin over the spread of the logits.

    `(max_{i != y} z_i - z_y) / (z_(1) - z_(3) + 1e-12)`, z_(j) the j-th largest. With
    two classes there is no third and the loss is the margin: the ratio would be the
    constant 1 or -1. APGD uses only the direction of the gradient and compares losses
    of one example, so that the scale does not matter to it.

    Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness",
    eq. 6. Differs from the released code in: defined for 2 classes.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, without unit.

    >>> round(float(dlr(jnp.array([2.0, 1.0, 0.5, -1.0]), 0)), 6)
    -0.666667
    """
    difference = margin(logits, label)
    if len(logits) < 3:
        return difference
    ordered = lax.top_k(logits, 3)[0]
    return difference / (ordered[0] - ordered[2] + 1e-12)


def targeted_margin(logits: Array, label: Array, target: Array) -> Array:
    """Logit margin of a target class over the true one: `z_t - z_y`.

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class y.
      target: `i32[]`, the target class t.

    Returns:
      `f32[]`, in logits.
    """
    chex.assert_rank([logits, label, target], [1, 0, 0])
    return logits[target] - logits[label]


def targeted_dlr(logits: Array, label: Array, target: Array) -> Array:
    """Targeted difference of logits ratio.

    `(z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2 + 1e-12)`. With two or three classes the
    loss is the difference itself: divided by z_(1) - z_(3), the loss of the least
    likely of three would be the constant -1, without a gradient.

    Source: Croce and Hein 2020, eq. 7. Differs from the released code in: defined for
    2 and 3 classes.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.
      target: `i32[]`, the target class t.

    Returns:
      `f32[]`, without unit.

    >>> round(float(targeted_dlr(jnp.array([2.0, 1.0, 0.5, -1.0]), 0, 3)), 6)
    -1.333333
    """
    difference = targeted_margin(logits, label, target)
    if len(logits) < 4:
        return difference
    ordered = lax.top_k(logits, 4)[0]
    return difference / (ordered[0] - ordered[2:].mean() + 1e-12)


def wrong_classes(logits: Array, label: Array, count: int) -> Array:
    """The most likely wrong classes, most likely first.

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class.
      count: number of classes, below k.

    Returns:
      `i32[count]`.

    >>> wrong_classes(jnp.array([2.0, 1.0, 0.5, -1.0]), 1, 2).tolist()
    [0, 2]
    """
    chex.assert_rank([logits, label], [1, 0])
    others = jnp.where(jnp.arange(len(logits)) == label, -jnp.inf, logits)
    return lax.top_k(others, count)[1]


LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "ce": optax.softmax_cross_entropy_with_integer_labels,
    "dlr": dlr,
    "margin": margin,
}
TARGETED_LOSSES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "targeted_dlr": targeted_dlr
}


def loss_named(name: str) -> Callable[[Array, Array], Array]:
    """An untargeted loss `(logits f32[k], label i32[]) -> f32[]`.

    Raises:
      InputError: no loss of that name.
    """
    if name not in LOSSES:
        raise InputError(f"attack loss is {name!r}; it is one of {', '.join(LOSSES)}")
    return LOSSES[name]
