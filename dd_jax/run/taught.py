"""The teacher that a config gives its sets, and what does not go with one."""

from typing import Any

from ml_collections import ConfigDict

from dd_jax.config import changed
from dd_jax.config.fields import fields
from dd_jax.distill.base import Experts
from dd_jax.distill.set_size import PROBABILITY
from dd_jax.distill.teacher_labels import Teacher, teacher, views_within
from dd_jax.run.context import (
    RunContext,
    augmentation,
    factor_of,
    images_per_class,
    label_rate,
)
from dd_jax.train.views import require_same_views
from dd_jax.types import Dataset, InputError, SyntheticSet


def teacher_of(run: RunContext, epochs: int = 0) -> Teacher | None:
    """The teacher whose labels the config gives its sets, if any.

    Args:
      run: the run.
      epochs: of training with the labels; default `train.epochs`.
    """
    config, data = run.config, run.dataset
    if config.distill.labels == "own":
        return None
    chosen = config.distill.teacher
    return teacher(
        run.model,
        Experts((chosen.epochs,), 1, chosen.lr, plain=False, teaches=True),
        augmentation(config.train.augment, data.mean, data.std).independent,
        chosen.bytes,
        epochs or config.train.epochs,
    )


def own_labels() -> dict[str, Any]:
    """Overrides by which sets have labels of their own.

    >>> own_labels()["distill.labels"]
    'own'
    """
    start = "distill.labels", "distill.teacher."
    found = fields().items()
    return {key: option.default for key, option in found if key.startswith(start)}


def require_teacher(run: RunContext) -> None:
    """Refuses `distill.labels=teacher` where labels cannot come from one.

    Raises:
      InputError: a loaded set, learned labels, private rows, a backdoor, a budget
        below one label of each image, or without augmentation; options of a teacher
        without one.
    """
    config = run.config
    if config.distill.labels == "own":
        for key, value in changed(config).items():
            if key.startswith("distill.teacher."):
                raise InputError(f"{key}={value}: goes with distill.labels=teacher")
        return
    distill, where = config.distill, "distill.labels=teacher"
    if distill.load:
        raise InputError(f"{where}: a loaded set keeps its labels; take labels=own")
    if rate := label_rate(config):
        raise InputError(
            f"{where} replaces the labels that {distill.method} learns at "
            f"distill.lr_labels={rate:g}; "
            + ("give one of the two" if distill.lr_labels else "take labels=own")
        )
    if config.backdoor.rate:
        raise InputError(
            f"{where}: the teacher sees no trigger, and its labels would undo the "
            "backdoor; take labels=own, or backdoor.rate=0"
        )
    if config.dp.epsilon:
        raise InputError(
            f"{where}: the teacher learns from private rows without noise; take "
            "labels=own, or dp.epsilon=0"
        )
    if distill.teacher.bytes and config.train.augment == "none":
        raise InputError(
            f"distill.teacher.bytes={distill.teacher.bytes}: without augmentation all "
            "views of an image are the same; take 0, or give train.augment"
        )
    images, classes = decoded_images(run), len(run.dataset.class_names)
    budget = distill.teacher.bytes
    if budget and not views_within(budget, images, classes):
        raise InputError(
            f"distill.teacher.bytes={budget}: one label of each of {images} images of "
            f"{classes} classes is {PROBABILITY * images * classes} bytes; give as many"
        )


def decoded_images(run: RunContext) -> int:
    """Images that networks see of a set, where each stored one has several tiles."""
    config = run.config
    factor = factor_of(config)
    factors = range(1, factor + 1) if config.distill.multi else [factor]
    stored = images_per_class(config) * len(run.dataset.class_names)
    return stored * sum(f**2 for f in factors)


def require_views(config: ConfigDict, loaded: SyntheticSet, data: Dataset) -> None:
    """Refuses a loaded set with labels of other views than this run makes.

    Raises:
      InputError: another augmentation or another normalisation.
    """
    if loaded.views is None:
        return
    require_same_views(
        loaded,
        config.train.augment,
        "--config.train.augment",
        data.mean,
        data.std,
        config.distill.load,
    )
