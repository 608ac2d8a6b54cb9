"""Augmented views of a set, each with a label of its own."""

from collections.abc import Callable

import jax
import numpy as np

from dd_jax.types import Array, InputError, Key, SyntheticSet

DESCRIPTION = (
    "epoch e trains on view v = e mod {views} of all images, with labels views[v], in "
    "place of augment; a view is dsa(augment, mean, std).independent of dd_jax.data "
    "with the key jax.random.fold_in(jax.random.key(0), v), of all images in one batch"
)

_ALIKE = 0.01  # of mean and standard deviation, with other rows held out


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


def require_same_views(
    synthetic: SyntheticSet,
    augment: object,
    key: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    where: str = "the set",
) -> None:
    """Refuses a set whose views are of another augmentation or normalisation.

    Args:
      synthetic: a set with labels of views.
      augment: the strategy of training on it.
      key: what gives the strategy, which an error message names.
      mean: per-channel mean that images are normalised by.
      std: per-channel standard deviation.
      where: the set, as an error message names it.

    Raises:
      InputError: it names the strategy that they are of.
    """
    made = (synthetic.metadata or {}).get("training")
    made = made.get("augment") if isinstance(made, dict) else None
    if not isinstance(made, str):
        raise InputError(
            f"{where} has labels of views and does not say by which augmentation: its "
            "metadata.training.augment should be a name"
        )
    if made != augment:
        raise InputError(
            f"{where} has labels of views by the augmentation {ascii(made)[:80]}; give "
            f"{key}={made if made.isprintable() else '...'}"[:200]
        )
    seen = (synthetic.metadata or {}).get("normalisation")
    ours = {"mean": mean, "std": std}
    try:
        same = all(np.allclose(seen[key], ours[key], atol=_ALIKE) for key in ours)
    except (TypeError, KeyError, ValueError):
        same = False
    if not same:
        raise InputError(
            f"{where} has labels of views of images that were normalised in another "
            "way; load it with the data that it was made from"
        )


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
