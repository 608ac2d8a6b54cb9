"""Recall by class and group, of predictions of several networks."""

import chex
import numpy as np


def check_shapes(predictions: np.ndarray, labels: np.ndarray) -> None:
    """Refuses arrays other than `i[... n]` and `i[n]`."""
    chex.assert_rank(labels, 1)
    chex.assert_equal_shape_suffix([predictions, labels], 1)
    chex.assert_type([predictions, labels], int)


def recall(
    predictions: np.ndarray, labels: np.ndarray, groups: np.ndarray, num_classes: int
) -> np.ndarray:
    """`P(y^ = c | y = c, group g)`; 0 where a group has no rows of a class.

    Args:
      predictions: `i32[... n]`; leading axes are networks.
      labels: `i32[n]`.
      groups: `i32[n]`, numbered from 0.
      num_classes: k.

    Returns:
      `f64[... g k]`, fractions.
    """
    shape = int(groups.max()) + 1, num_classes
    cell = np.ravel_multi_index((groups, labels), shape)
    rows = np.eye(shape[0] * num_classes)[cell]
    right = (np.asarray(predictions) == labels) @ rows / np.maximum(rows.sum(0), 1)
    return right.reshape(*right.shape[:-1], *shape)
