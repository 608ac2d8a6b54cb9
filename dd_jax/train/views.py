"""Augmented views of a set, each with a label of its own."""

from collections.abc import Callable

import jax

from dd_jax.types import Array, Key

DESCRIPTION = (
    "epoch e trains on view v = e mod {views} of all images, with labels views[v], and "
    "on nothing else; a view is dsa(augment, mean, std).independent of dd_jax.data "
    "with the key jax.random.fold_in(jax.random.key(0), v), of all images in one batch"
)


def augmented(
    augment: Callable[[Key, Array], Array], images: Array, number: int | Array
) -> Array:
    """View v of a set's images: `A(key_v, x)`, the same wherever it is made.

    Args:
      augment: `(key, f32[m h w c]) -> f32[m h w c]`.
      images: `f32[m h w c]` in [0, 1], all of the set.
      number: v.
    """
    return augment(jax.random.fold_in(jax.random.key(0), number), images)


def view(
    augment: Callable[[Key, Array], Array],
    images: Array,
    views: Array,
    epoch: int | Array,
) -> tuple[Array, Array]:
    """The images and labels of an epoch: those of view `epoch mod v`.

    Args:
      augment: see `augmented`.
      images: `f32[m h w c]` in [0, 1].
      views: `f32[v m k]`, the labels of v views.
      epoch: 0, 1, ...

    Source: Shen and Xing 2022, "A fast knowledge distillation framework for visual
    recognition", which stores labels with the crops that they are of.
    """
    number = epoch % len(views)
    return augmented(augment, images, number), views[number]
