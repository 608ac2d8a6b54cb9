"""The distillation method that a config names, with all its options."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dd_jax.catalogue import arguments, entry, resolve
from dd_jax.distill import METHODS, Joint, Method, batched_form
from dd_jax.distill.base import Experts
from dd_jax.distill.wrappers import MITIGATIONS
from dd_jax.run.cached import shared, staged
from dd_jax.run.context import (
    Parts,
    augmentation,
    images_per_class,
    learns,
    own_options,
)
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import digest
from dd_jax.train import trainer
from dd_jax.train.experts import expert_paths
from dd_jax.types import Split


def _options(parts: Parts, name: str, function: Callable | None = None) -> dict:
    """What the config says of the parameters that a method has, but for `init`."""
    config, data = parts.config.distill, parts.dataset
    of_images = augmentation(config.augment, data.mean, data.std)
    of_networks = augmentation(parts.config.train.augment, data.mean, data.std)
    shared = {
        "ipc": images_per_class(parts.config),
        "train_lr": parts.config.train.lr,
        "multi": config.multi,
        "batch_real": config.batch_real,
        "augment": of_images.siamese,
        "augment_student": of_images.independent,
        "augment_net": of_networks.independent,
        "net_steps": config.network.steps,
    }
    unless_zero = {  # the method's own where the config says 0
        "lr": config.lr,
        "lr_labels": config.lr_labels,
        "factor": config.factor,
        "outer_steps": config.network.outer_steps,
        "net_epochs": config.network.epochs,
    }
    shared |= {key: value for key, value in unless_zero.items() if value}
    if config.distance != "own":
        shared["distance"] = config.distance
    own = own_options(parts.config, "method", name)
    return arguments(entry("method", name), own, shared, function)


def method_of(parts: Parts, name: str) -> Method:
    """A method with the config's choices; another than the config's as it comes."""
    config = parts.config.distill
    if name != config.method or not learns(parts.config):
        ipc, rate = images_per_class(parts.config), parts.config.train.lr
        own = own_options(parts.config, "method", name) if name == config.method else {}
        return METHODS[name](parts.model, ipc=ipc, train_lr=rate, **own)
    build_method = partial(METHODS[name], parts.model, **_options(parts, name))
    mitigated = build_method()
    for mitigation, settings in parts.config.mitigate.items():
        mitigated = MITIGATIONS[mitigation](mitigated, parts.model, **settings)
    # Steps do not depend on where they start from: all starts share one program.
    return mitigated._replace(init=build_method(init=_init(parts)).init)


def _init(parts: Parts) -> Any:
    """The config's initialisation, with its own options if it has any."""
    name = parts.config.distill.init
    own = own_options(parts.config, "init", name)
    found = entry("init", name)
    return partial(resolve("init", name), **arguments(found, own, {})) if own else name


def experts_of(parts: Parts, data: Split) -> Callable:
    """Trains, or finds, the experts of one distiller of `data`."""
    config, data_of = parts.config, parts.dataset
    augment = augmentation(config.train.augment, data_of.mean, data_of.std)
    recipe = trainer(
        parts.model,
        batch=config.train.batch,
        momentum=0.0,
        weight_decay=0.0,
        decay="none",
        augment=augment.independent,
    )

    def paths(key, rows, wanted: Experts):
        used = epochs = wanted.epochs
        if wanted.kept_epochs:
            epochs = tuple(range(max(used[-1], wanted.kept_epochs) + 1))
        canaries = ["audits.privacy.canaries"] if data is not data_of.train else []
        kind = [np.array(epochs), wanted.count, wanted.lr]
        folder = shared(
            parts, f"experts_{digest(kind)}", *canaries, recipe=("batch", "augment")
        )
        found = expert_paths(
            recipe,
            stack(named(key, "experts"), wanted.count),
            data,
            rows,
            wanted.lr,
            epochs,
            lambda label, place: staged(parts, "experts", place, label=label),
            folder,
        )
        return found if epochs == used else found[:, np.isin(epochs, used)]

    return paths


def joint_of(parts: Parts, halves: bool) -> Joint:
    """Steps that shadows take together; of halves, each is given half of the batch."""
    name = parts.config.distill.method
    build = batched_form(name)
    assert build, f"{name} has no batched form"
    options = _options(parts, name, build)
    options["batch_real"] *= 2 if halves else 1
    return build(parts.model, **options)
