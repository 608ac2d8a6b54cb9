"""The teacher that a config gives its sets, and what does not go with one."""

from ml_collections import ConfigDict

from dd_jax.distill.base import Experts
from dd_jax.distill.set_size import PROBABILITY
from dd_jax.distill.teacher_labels import Teacher, teacher, views_within
from dd_jax.run.context import RunContext, augmentation, factor_of, images_per_class
from dd_jax.types import InputError, SyntheticSet


def teacher_of(run: RunContext) -> Teacher | None:
    """The teacher whose labels the config gives its sets, if any."""
    config, data = run.config, run.dataset
    if config.distill.labels == "own":
        return None
    chosen = config.distill.teacher
    return teacher(
        run.model,
        Experts((chosen.epochs,), 1, chosen.lr),
        augmentation(config.train.augment, data.mean, data.std).independent,
        chosen.bytes,
    )


def require_teacher(run: RunContext) -> None:
    """Refuses `distill.labels=teacher` where labels cannot come from one.

    Raises:
      InputError: a loaded set, learned labels, private rows, batch statistics, or a
        budget below one label of each image.
    """
    config = run.config
    distill, where = config.distill, "distill.labels=teacher"
    if distill.load:
        raise InputError(f"{where}: a loaded set keeps its labels; take labels=own")
    if distill.lr_labels:
        raise InputError(
            f"{where} replaces the labels that distill.lr_labels="
            f"{distill.lr_labels:g} learns; give one of the two"
        )
    if config.dp.epsilon:
        raise InputError(
            f"{where}: the teacher learns from private rows without noise; take "
            "labels=own, or dp.epsilon=0"
        )
    if run.model.has_batch_stats:
        raise InputError(
            f"{where}: parameters of experts hold no batch statistics, which "
            f"model.norm={config.model.norm} of {config.model.name} needs; take another"
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


def require_views(config: ConfigDict, loaded: SyntheticSet) -> None:
    """Refuses a loaded set with labels of other views than this run makes.

    Raises:
      InputError: it names the augmentation that they are of.
    """
    made = (loaded.metadata or {}).get("training", {})
    made = made.get("augment") if isinstance(made, dict) else None
    if loaded.views is not None and made != config.train.augment:
        raise InputError(
            f"{config.distill.load} has labels of views by the augmentation {made}; "
            f"give --config.train.augment={made}"
        )
