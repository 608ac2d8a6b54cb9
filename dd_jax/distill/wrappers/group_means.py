"""Weights of a real batch by group: equal groups in one mean, or a mean of each."""

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Batch
from dd_jax.types import Array


def rows_of_groups(batch: Batch, groups: int) -> Array:
    """Which images of a class are of which group, `f32[k g b]`; fillers of none.

    >>> batch = Batch(None, jnp.array([[1.0, 1.0, 0.0]]), jnp.array([[1, 0, 0]]))
    >>> rows_of_groups(batch, 2).tolist()
    [[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]
    """
    ids = jax.nn.one_hot(batch.groups, groups, axis=-2)
    return ids * batch.weights[:, None]


def equal_groups(batch: Batch, groups: int) -> Batch:
    """Weights with which all groups of a class count alike in its mean.

    `w_i = n / (G n_g)` of an image of group g: n images of the class, n_g of them of
    group g, G groups present. The mean is then the mean of the groups' means.

    >>> batch = Batch(None, jnp.ones((1, 3)), jnp.array([[1, 0, 0]]))
    >>> equal_groups(batch, 2).weights.tolist()
    [[1.5, 0.75, 0.75]]
    """
    inside = rows_of_groups(batch, groups)
    counts = inside.sum(-1)
    all_rows, present = counts.sum(-1), (counts > 0).sum(-1)
    of_row = jnp.einsum("kgb,kg->kb", inside, counts)
    share = present[:, None] * jnp.maximum(of_row, 1)
    return batch._replace(weights=batch.weights * all_rows[:, None] / share)


def sorted_by_group(batch: Batch) -> Batch:
    """The same images of each class, one group after another."""
    order = jnp.argsort(batch.groups)
    arrays = batch.images, batch.weights, batch.groups
    in_order = jax.vmap(lambda array, at: array[at])
    return Batch(*jax.tree.map(lambda array: in_order(array, order), arrays))


def mean_of_each(batch: Batch, groups: int) -> Batch:
    """A mean of each group of a class; one of a group without images counts nothing.

    Weights `f32[k g b]` and importance `f32[k g]`, 1 where a group is present. Where it
    is not, the mean is that of the class, so that it is finite. Images are sorted by
    group, so that few pieces of a batch have a part in a mean.

    >>> batch = Batch(None, jnp.ones((1, 3)), jnp.array([[1, 2, 1]]))
    >>> means = mean_of_each(batch, 3)
    >>> means.weights.tolist(), means.importance.tolist()
    ([[[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]], [[0.0, 1.0, 1.0]])
    """
    batch = sorted_by_group(batch)
    inside = rows_of_groups(batch, groups)
    present = inside.any(-1)
    weights = jnp.where(present[..., None], inside, batch.weights[:, None])
    importance = present.astype(jnp.float32)
    return batch._replace(weights=weights, importance=importance)
