"""The distillation method that a config names, with all its options."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from dd_jax.distill import JOINT, METHODS, Joint, Method
from dd_jax.distill.wrappers import MITIGATIONS
from dd_jax.run.cached import shared, staged
from dd_jax.run.context import Parts, augmentation, images_per_class, learns
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import digest
from dd_jax.train import trainer
from dd_jax.train.experts import expert_paths
from dd_jax.types import Split


def _options(parts: Parts) -> dict[str, Any]:
    """The options of a method that learns its images, but for where they start."""
    config = parts.config.distill
    return {
        "ipc": images_per_class(parts.config),
        "train_lr": parts.config.train.lr,
        "multi": config.multi,
        **_set(lr=config.lr, lr_labels=config.lr_labels, factor=config.factor),
        **_steps_of(parts, config.method),
    }


def _practice(parts: Parts, name: str) -> dict[str, Any]:
    """How a method's networks live and learn between its steps."""
    config, data = parts.config.distill, parts.dataset
    if name in ("dm", "mtt"):
        return {}
    augment = augmentation(parts.config.train.augment, data.mean, data.std)
    options = {"augment_net": augment.independent}
    options |= _set(outer_steps=config.network.life)
    if name == "frepo":
        return options
    if name.startswith("idc"):
        return options | {"net_steps": config.network.steps}
    return options | _set(net_epochs=config.network.epochs)


def method_of(parts: Parts, name: str) -> Method:
    """A method with the config's choices; another than the config's as it comes."""
    config, ipc = parts.config.distill, images_per_class(parts.config)
    if name != config.method or not learns(parts.config):
        rate = parts.config.train.lr
        return METHODS[name](parts.model, ipc=ipc, train_lr=rate)
    options = _options(parts) | _practice(parts, name)
    build_method = partial(METHODS[name], parts.model, **_taken(METHODS[name], options))
    mitigated = build_method()
    for mitigation, settings in parts.config.mitigate.items():
        mitigated = MITIGATIONS[mitigation](mitigated, parts.model, **settings)
    # Steps do not depend on where they start from: all starts share one program.
    return mitigated._replace(init=build_method(init=config.init).init)


def _taken(factory: Callable, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that a factory takes, by its signature."""
    known = signature(factory).parameters
    return {name: value for name, value in options.items() if name in known}


def _set(**options: Any) -> dict[str, Any]:
    """The options that the config does not leave to the method."""
    return {name: value for name, value in options.items() if value}


def _steps_of(parts: Parts, name: str) -> dict[str, Any]:
    """The options of a method's updates."""
    config = parts.config.distill
    augment = augmentation(config.augment, parts.dataset.mean, parts.dataset.std)
    if name == "mtt":
        own = ("experts", "kept_epochs", "expert_lr", "student_lr")
        options = {k: v for k, v in config.mtt.items() if k not in own}
        renamed = {"tesla": "approximate", "lr_lr": "lr_rate"}
        options |= {new: options.pop(old) for new, old in renamed.items()}
        start = _set(train_lr=config.mtt.student_lr)
        return options | start | {"augment_student": augment.independent}
    options = {"batch_real": config.batch_real, "augment": augment.siamese}
    if name in ("dm", "frepo") or config.distance == "own":
        return options
    return options | {"distance": config.distance}


def experts_of(parts: Parts, data: Split) -> Callable:
    """Trains, or finds, the experts of one distiller of `data`."""
    config = parts.config
    mtt, data_of = config.distill.mtt, parts.dataset
    augment = augmentation(config.train.augment, data_of.mean, data_of.std)
    recipe = trainer(
        parts.model,
        batch=config.train.batch,
        momentum=0.0,
        weight_decay=0.0,
        decay="none",
        augment=augment.independent,
    )

    def paths(key, rows, used):
        epochs = used
        if mtt.kept_epochs:
            epochs = tuple(range(max(used[-1], mtt.kept_epochs) + 1))
        of_experts = ["distill.mtt.experts", "distill.mtt.expert_lr"]
        if data is not parts.dataset.train:
            of_experts.append("audits.privacy.canaries")
        name = f"experts_{digest(np.array(epochs))}"
        folder = shared(parts, name, *of_experts, recipe=("batch", "augment"))
        found = expert_paths(
            recipe,
            stack(named(key, "experts"), mtt.experts),
            data,
            rows,
            mtt.expert_lr,
            epochs,
            lambda label, place: staged(parts, "experts", place, label=label),
            folder,
        )
        return found if epochs == used else found[:, np.isin(epochs, used)]

    return paths


def joint_of(parts: Parts, halves: bool) -> Joint:
    """Steps that shadows take together; of halves, each is given half of the batch."""
    name = parts.config.distill.method
    options = _options(parts) | _practice(parts, name)
    options["batch_real"] *= 2 if halves else 1
    return JOINT[name](parts.model, **_taken(JOINT[name], options))
