"""The context of a run: its data, network, training recipe, random keys and folders."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.attacks import ATTACKS
from dd_jax.catalogue import names, resolve
from dd_jax.catalogue.method_traits import matches_real, selects
from dd_jax.data import Augment, dsa
from dd_jax.data.cutmix import cutmix
from dd_jax.distill.io import storage
from dd_jax.models import build, field_names, minimum_size
from dd_jax.run.read_data import dataset, fingerprint, own_options, space
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import named
from dd_jax.runtime.loop import run_loop
from dd_jax.runtime.reuse import reused
from dd_jax.train import Trainer, adversary, trainer
from dd_jax.train.training import unmixed
from dd_jax.types import Dataset, InputError, Key, Model, Split

AUDIT_PRECISION = "float32"  # of logits and attacks, whatever networks train in
augmentation = reused(dsa)


class RunContext(NamedTuple):
    """What a config names, built for one run.

    Attributes:
      config: the config itself.
      dataset: the data.
      model: the network.
      trainer: the recipe that every network is trained by.
      fingerprint: of these data as networks see them.
      folder: of the run.
      cache: of what several runs share.
      key: `name -> key`.
      cost: adds up seconds.
      loop: drives every stage.
    """

    config: ConfigDict
    dataset: Dataset
    model: Model
    trainer: Trainer
    fingerprint: str
    folder: Path
    cache: Path
    key: Callable
    cost: Cost
    loop: Callable = run_loop

    @property
    def evaluation(self) -> Split:
        """The rows that numbers come from."""
        return self.dataset.evaluation


class Prepared(NamedTuple):
    """A run that passed every check, before it starts; without data, to save memory.

    Attributes:
      id: of the run, which names its folder.
      config: the config itself.
      model: the network.
      trainer: the recipe that every network is trained by.
      fingerprint: of the data as networks see them.
      notes: what loading data and sets did that a user may not expect, a line each.
      forecast: what to know before the first stage, a line each; empty if nothing.
    """

    id: str
    config: ConfigDict
    model: Model
    trainer: Trainer
    fingerprint: str
    notes: tuple[str, ...]
    forecast: str


def build_context(
    config: ConfigDict, folder: Path = Path(), cache: Path = Path()
) -> RunContext:
    """Builds what a valid config names."""
    data = dataset(config)
    model = network(config, data)
    recipe = _recipe(config, model, data)
    return _assemble(
        config, data, model, recipe, fingerprint(config, data), folder, cache
    )


def start(prepared: Prepared, folder: Path, cache: Path) -> RunContext:
    """The context of a run that starts: its data are read again if they have to be."""
    config, model, recipe = prepared.config, prepared.model, prepared.trainer
    seen = prepared.fingerprint
    return _assemble(config, dataset(config), model, recipe, seen, folder, cache)


def _assemble(config, data, model, recipe, seen, folder, cache) -> RunContext:
    key = partial(_key, config.seed)
    return RunContext(config, data, model, recipe, seen, folder, cache, key, Cost())


def _key(seed: int, name: str) -> Key:
    return named(jax.random.key(seed), name)


def network(config: ConfigDict, data: Dataset) -> Model:
    """The network of a config for its data, normalisation inside."""
    return build(
        config.model.name,
        len(data.class_names),
        data.train.images.shape[1:],
        mean=data.mean,
        std=data.std,
        space=space(config),
        **model_settings(config),
    )


def _recipe(config: ConfigDict, model: Model, data: Dataset) -> Trainer:
    train = config.train
    return trainer(
        model,
        batch=train.batch,
        decay=train.decay,
        augment=augmentation(train.augment, data.mean, data.std).independent,
        mix=cutmix(train.cutmix) if train.cutmix else unmixed,
        perturb=_adversary(model, **train.adversarial),
    )


def augmentation_of_images(run: RunContext) -> Augment:
    """That of `distill.augment`, of real and synthetic images in distillation."""
    data = run.dataset
    return augmentation(run.config.distill.augment, data.mean, data.std)


@reused
def _adversary(model: Model, eps: float, steps: int) -> Callable | None:
    return adversary(model, ATTACKS["pgd_linf"](eps, steps=steps)) if eps else None


def model_settings(config: ConfigDict) -> dict[str, Any]:
    """The keys of `config.model` that its architecture has."""
    name, known = config.model.name, field_names(config.model.name)
    shared = {k: v for k, v in config.model.items() if k in known}
    return shared | own_options(config, "model", name)


def upsampled(run: RunContext) -> bool:
    """Whether the model enlarges its images because they are below its least size."""
    side = minimum_size(run.config.model.name)
    return min(run.dataset.train.images.shape[1:3]) < side


def learns(config: ConfigDict) -> bool:
    """Whether the method learns its images, and does not just select them."""
    return not selects(config.distill.method)


def factor_of(config: ConfigDict) -> int:
    """Tiles along each side of a stored image; 1 where nothing is decoded."""
    return config.distill.factor or usual(config.distill.method, "factor", 1)


def usual(method: str, option: str, otherwise: Any) -> Any:
    """What a method has for an option that is left to it; `otherwise` without it."""
    parameters = inspect.signature(resolve("method", method)).parameters
    return parameters[option].default if option in parameters else otherwise


def label_rate(config: ConfigDict) -> float:
    """The learning rate of the labels; 0 where they are not learned."""
    method, given = config.distill.method, config.distill.lr_labels
    return given or usual(method, "lr_labels", 0.0)


def require_matches(method: str, where: str, done: str) -> None:
    """Refuses a method that matches no real images.

    Args:
      method: its name.
      where: the config key, and its value, that an error message names.
      done: what would be done to the images.

    Raises:
      InputError: it names the methods that match some.
    """
    if not matches_real(method):
        others = ", ".join(name for name in names("method") if matches_real(name))
        raise InputError(
            f"{where}: {method} matches no real images that could be {done}; take one "
            f"of {others}"
        )


def images_per_class(config: ConfigDict) -> int:
    """Size of the synthetic set by class; of a loaded one as it is, rounded up."""
    if not config.distill.load:
        return config.distill.ipc
    loaded = storage.load(config.distill.load)
    images, classes = loaded.labels.shape
    return -(-(loaded.metadata or {}).get("stored_images", images) // classes)


def current_id(config: ConfigDict) -> str:
    """The id of the run of a config with the data and sets as they are now."""
    return configs.run_id(config, fingerprint(config, dataset(config)))
