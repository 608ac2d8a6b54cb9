"""The metadata of a synthetic set: all that training on it needs."""

from dd_jax import models
from dd_jax.config import RESULTS_VERSION, essential
from dd_jax.data import augment, cutmix
from dd_jax.distill.io import storage
from dd_jax.run.context import RunContext, model_settings
from dd_jax.train import adversarial
from dd_jax.train.recipe import describe_batches, describe_decay
from dd_jax.train.training import MOMENTUM, WEIGHT_DECAY
from dd_jax.train.views import DESCRIPTION
from dd_jax.types import SyntheticSet


def metadata_of(run: RunContext, sets: SyntheticSet) -> dict:
    """The metadata of a run's sets; that of a loaded set are its own.

    Args:
      run: the run.
      sets: with a leading axis.

    Returns:
      JSON-able; no clock times, so that a resumed run gives the same bytes.
    """
    config, data = run.config, run.dataset
    if config.distill.load:
        return storage.load(config.distill.load).metadata or {}
    train, views = config.train, sets.views
    return {
        "class_names": list(data.class_names),
        "normalisation": {"mean": list(data.mean), "std": list(data.std)},
        "zca": "zca.npz beside this file: x -> (x - mean) @ forward, pixels in a row"
        if config.data.zca
        else None,
        "decode": "pixels, as stored in images",
        "stored_images": config.distill.ipc * len(data.class_names),
        "clamped": bool(((sets.images >= 0) & (sets.images <= 1)).all()),
        "architecture": {"name": config.model.name} | model_settings(config),
        "architecture_in_words": models.describe_architecture(config.model.name),
        "training": {
            "optimizer": "sgd",
            "lr": "lr of this file",
            "step": "m <- momentum m + gradient + weight_decay p, p <- p - lr m for "
            "all parameters p; the gradient is of the mean cross-entropy to the labels",
            "momentum": MOMENTUM,
            "weight_decay": WEIGHT_DECAY,
            "batch": train.batch,
            "batches_in_words": describe_batches(len(sets.labels[0]), train.batch),
            "epochs": train.epochs,
            "decay": describe_decay(train.decay, train.epochs),
            "augment": train.augment,
            "augment_in_words": augment.describe(train.augment),
            "cutmix": train.cutmix,
            "cutmix_in_words": cutmix.describe(train.cutmix),
            "views_in_words": None
            if views is None
            else DESCRIPTION.format(views=views.shape[1]),
            "adversarial": train.adversarial.to_dict(),
            "adversarial_in_words": adversarial.describe_adversary(**train.adversarial),
        },
        "config": essential(config),
        "provenance": {
            "dataset": data.name,
            # of private rows a digest would be published without noise
            "checksum": None if config.dp.epsilon else data.checksum,
            "results_version": RESULTS_VERSION,
        },
    }
