"""What an attack raises: losses of one example's logits."""

from collections.abc import Callable

import jax.numpy as jnp
import optax
from jax import lax

from dd_jax.types import Array


def cross_entropy(logits: Array, label: Array) -> Array:
    """Negative log-probability of the true class.

    `log sum_i exp(z_i) - z_y`

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, in nats, at least 0.
    """
    return optax.softmax_cross_entropy_with_integer_labels(logits, label)


def margin(logits: Array, label: Array) -> Array:
    """How far the best wrong class is ahead of the true one.

    `max_{i != y} z_i - z_y`, positive exactly where the example is misclassified.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.

    Returns:
      `f32[]`, in logits.

    >>> float(margin(jnp.array([2.0, 1.0, 0.5, -1.0]), 0))
    -1.0
    """
    others = jnp.where(jnp.arange(logits.shape[-1]) == label, -jnp.inf, logits)
    return others.max() - logits[label]


def dlr(logits: Array, label: Array) -> Array:
    """Difference of logits ratio: the margin in units of the logits' own spread.

    `(max_{i != y} z_i - z_y) / (z_(1) - z_(3) + 1e-12)`, z_(j) the j-th largest. Of two
    classes there is no third: the ratio would be the constant 1 or -1, and the plain
    margin stands in. APGD follows only signs or unit gradients and compares losses of
    one example, so that the missing scale changes nothing there.

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
    ahead = margin(logits, label)
    if len(logits) < 3:
        return ahead
    ordered = lax.top_k(logits, 3)[0]
    return ahead / (ordered[0] - ordered[2] + 1e-12)


def targeted_margin(logits: Array, label: Array, target: Array) -> Array:
    """How far one wrong class is ahead of the true one: `z_t - z_y`.

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class y.
      target: `i32[]`, the wrong class t.

    Returns:
      `f32[]`, in logits.
    """
    return logits[target] - logits[label]


def targeted_dlr(logits: Array, label: Array, target: Array) -> Array:
    """Difference of logits ratio towards one wrong class.

    `(z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2 + 1e-12)`. Of three classes or two the
    plain difference remains: over z_(1) - z_(3) the loss towards the last of three
    would be the constant -1, without a gradient.

    Source: Croce and Hein 2020, eq. 7. Differs from the released code in: defined for
    2 and 3 classes.

    Args:
      logits: `f32[k]` with k at least 2.
      label: `i32[]`, the true class y.
      target: `i32[]`, the wrong class t.

    Returns:
      `f32[]`, without unit.

    >>> round(float(targeted_dlr(jnp.array([2.0, 1.0, 0.5, -1.0]), 0, 3)), 6)
    -1.333333
    """
    ahead = targeted_margin(logits, label, target)
    if len(logits) < 4:
        return ahead
    ordered = lax.top_k(logits, 4)[0]
    return ahead / (ordered[0] - ordered[2:].mean() + 1e-12)


def wrong_classes(logits: Array, label: Array, count: int) -> Array:
    """The most likely wrong classes, most likely first.

    Args:
      logits: `f32[k]`.
      label: `i32[]`, the true class.
      count: how many, below k.

    Returns:
      `i32[count]`.

    >>> wrong_classes(jnp.array([2.0, 1.0, 0.5, -1.0]), 1, 2).tolist()
    [0, 2]
    """
    others = jnp.where(jnp.arange(len(logits)) == label, -jnp.inf, logits)
    return lax.top_k(others, count)[1]


LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "ce": cross_entropy,
    "dlr": dlr,
    "margin": margin,
}
