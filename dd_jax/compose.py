"""From a config to the parts of a run: data, model, trainer, method, pipelines."""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.attacks import ATTACKS
from dd_jax.audits import fairness
from dd_jax.cost import Cost
from dd_jax.data import dsa, load, require_per_class
from dd_jax.distill import CHOOSERS, METHODS, Method, storage
from dd_jax.drive import drive
from dd_jax.keys import named, stack
from dd_jax.mitigate import MITIGATIONS
from dd_jax.models import build, fields, minimum_size
from dd_jax.pipelines import (
    Schedule,
    distil_many,
    distil_then_train,
    train_on_data,
    train_on_rows,
    train_on_sets,
)
from dd_jax.train import Trainer, adversary, trainer
from dd_jax.types import (
    Dataset,
    InputError,
    Model,
    Params,
    Pipeline,
    Split,
    SyntheticSet,
)

_dsa = lru_cache(maxsize=None)(dsa)
_LOOKS = 10  # times that the host looks at a training run


class Parts(NamedTuple):
    """What a config comes to.

    Attributes:
      config: the config itself.
      dataset: the data.
      judged: the rows that numbers come from: validation where held out, else test.
      model: the network.
      trainer: the recipe that every network is trained by.
      folder: of the run.
      cache: of what several runs share.
      key: `name -> key`.
      cost: adds up seconds.
    """

    config: ConfigDict
    dataset: Dataset
    judged: Split
    model: Model
    trainer: Trainer
    folder: Path
    cache: Path
    key: Callable
    cost: Cost


@lru_cache(maxsize=4)
def _load(source, num_classes, image_size, validation, seed):
    return load(
        source,
        num_classes=num_classes or None,
        image_size=image_size or None,
        validation=validation,
        seed=seed,
    )


def dataset(config: ConfigDict) -> Dataset:
    """The data set of a config, read once."""
    data = config.data
    return _load(
        data.source, data.num_classes, data.image_size, data.validation, config.seed
    )


def has_privacy(config: ConfigDict) -> bool:
    """Whether membership is audited; a set made elsewhere has no shadows."""
    return config.audits.privacy.enabled and not config.distill.load


def fingerprint(config: ConfigDict) -> str:
    """What identifies the data as models see them: checksum and normalisation."""
    data = dataset(config)
    return f"{data.checksum} {data.mean} {data.std}"


def learns(config: ConfigDict) -> bool:
    """Whether the method learns its images, and does not just select them."""
    return config.distill.method not in CHOOSERS


def check(config: ConfigDict) -> None:
    """Refuses what data, model and audits together cannot give, before any compute."""
    data = dataset(config)
    if config.distill.load:
        _check_loaded(config, data)
    ipc = images_per_class(config)
    require_per_class(data, 2 * ipc if has_privacy(config) else ipc)
    jax.eval_shape(_model(config, data).init, jax.random.key(0))
    judged = _judged(data)
    if config.audits.fairness.enabled and judged.groups is not None:
        classes = len(data.class_names)
        fairness.equalised_odds(judged.labels, judged.labels, judged.groups, classes)


def _check_loaded(config: ConfigDict, data: Dataset) -> None:
    loaded = storage.load(config.distill.load)
    shape, classes = data.train.images.shape[1:], len(data.class_names)
    if (loaded.images.shape[1:], loaded.labels.shape[1]) != (shape, classes):
        raise InputError(
            f"{config.distill.load} holds {loaded.images.shape[1:]} images of "
            f"{loaded.labels.shape[1]} classes; {data.name} has {shape} images "
            f"of {classes}, which must be the same"
        )
    made = (loaded.metadata or {}).get("class_names", list(data.class_names))
    if list(made) != list(data.class_names):
        raise InputError(
            f"{config.distill.load} has the classes {made}; {data.name} has "
            f"{list(data.class_names)}, which must be the same in the same order"
        )
    if config.sets > 1:
        raise InputError(
            f"sets={config.sets}: {config.distill.load} is one set; take sets=1"
        )


def images_per_class(config: ConfigDict) -> int:
    """Size of the synthetic set by class; of a loaded one as it is, rounded up."""
    if not config.distill.load:
        return config.distill.ipc
    images, classes = storage.load(config.distill.load).labels.shape
    return -(-images // classes)


def _model(config: ConfigDict, data: Dataset) -> Model:
    return build(
        config.model.name,
        len(data.class_names),
        data.train.images.shape[1:],
        mean=data.mean,
        std=data.std,
        **model_settings(config),
    )


def _judged(data: Dataset) -> Split:
    return data.validation or data.test


def parts(config: ConfigDict, folder: Path, cache: Path) -> Parts:
    """Builds what a valid config names."""
    data = dataset(config)
    model = _model(config, data)
    augment = _dsa(config.train.augment, data.mean, data.std).independent
    return Parts(
        config=config,
        dataset=data,
        judged=_judged(data),
        model=model,
        trainer=trainer(
            model,
            batch=config.train.batch,
            augment=augment,
            perturb=_adversary(model, **config.train.adversarial),
        ),
        folder=folder,
        cache=cache,
        key=partial(named, jax.random.key(config.seed)),
        cost=Cost(),
    )


@cache
def _adversary(model: Model, eps: float, steps: int) -> Callable | None:
    return adversary(model, ATTACKS["pgd_linf"](eps, steps=steps)) if eps else None


def _method(parts: Parts, name: str) -> Method:
    config, ipc = parts.config.distill, images_per_class(parts.config)
    if name != config.method:
        return METHODS[name](parts.model, ipc=ipc)
    build_method = partial(
        METHODS[name],
        parts.model,
        ipc=ipc,
        lr=config.lr,
        batch_real=config.batch_real,
        augment=_dsa(config.augment, parts.dataset.mean, parts.dataset.std).siamese,
        mean=parts.dataset.mean,
        std=parts.dataset.std,
    )
    mitigated = build_method()
    for mitigation, settings in parts.config.mitigate.items():
        mitigated = MITIGATIONS[mitigation](mitigated, parts.model, **settings)
    # Steps do not depend on where they start from: all starts share one program.
    return mitigated._replace(init=build_method(init=config.init).init)


def _loop(parts: Parts, stage: str, folder: Path, **kw: Any) -> Callable:
    """`drive` for one stage; a run's own stages go on from its checkpoints."""

    def loop(advance, state, **schedule):
        driven = drive(
            advance,
            state,
            label=folder.name,
            folder=folder,
            save_seconds=parts.config.checkpoint_seconds,
            **schedule,
            **kw,
        )
        parts.cost.add(stage, driven.seconds)
        return driven

    return loop


def _own(parts: Parts, name: str) -> Path:
    return parts.folder / "checkpoints" / name


def _shared(parts: Parts, name: str, *keys: str) -> Path:
    """Where runs keep what depends on the data, the model and `keys` alone."""
    common = ("seed", "model.", "train.batch", "train.lr", "train.augment")
    common = (*common, "train.adversarial", *keys)
    return (
        parts.cache
        / configs.run_id(parts.config, fingerprint(parts.config), common)
        / name
    )


def _epochs(total: int) -> Schedule:
    return Schedule(total, -(-total // _LOOKS))


def model_settings(config: ConfigDict) -> dict[str, Any]:
    """The keys of `config.model` that its architecture has."""
    known = fields(config.model.name)
    return {k: v for k, v in config.model.items() if k in known}


def upsampled(parts: Parts) -> bool:
    """Whether the model enlarges its images because they are below its least size."""
    side = minimum_size(parts.config.model.name)
    return min(parts.dataset.train.images.shape[1:3]) < side


def synthetic_sets(parts: Parts) -> SyntheticSet:
    """The sets that the run is about, with a leading axis."""
    config = parts.config
    if config.distill.load:
        loaded = storage.load(config.distill.load)
        arrays = (loaded.images, loaded.labels, loaded.lr)
        return SyntheticSet(*(jnp.asarray(a)[None] for a in arrays))
    keys = stack(parts.key("distil"), config.sets)
    member = np.ones((config.sets, len(parts.dataset.train.labels)), bool)
    log = parts.folder / "metrics.jsonl"
    loop = _loop(parts, "distill", _own(parts, "distil"), log=log)
    sets, _ = distil_many(
        _method(parts, config.distill.method),
        keys,
        parts.dataset.train,
        member,
        _steps(parts),
        loop,
    )
    return sets._replace(lr=jnp.full(config.sets, config.train.lr, jnp.float32))


def networks_on_sets(parts: Parts, sets: SyntheticSet) -> Params:
    """`train.nets` networks on each set; those of one set follow one another."""
    nets = parts.config.train.nets
    each = jax.tree.map(lambda a: jnp.repeat(a, nets, 0), sets)
    keys = stack(parts.key("nets"), len(each.images))
    loop = _loop(parts, "train", _own(parts, "nets"))
    epochs = _epochs(parts.config.train.epochs)
    return train_on_sets(parts.trainer, keys, each, epochs, loop)[0]


def networks_on_subsets(parts: Parts) -> Params:
    """`train.nets` networks, each on a random subset of its own, of the sets' size."""
    config, data = parts.config, parts.dataset.train
    set_key, net_key = jax.random.split(parts.key("random_subset"))
    member = np.ones((config.train.nets, len(data.labels)), bool)
    sets, _ = distil_many(
        _method(parts, "random"),
        stack(set_key, config.train.nets),
        data,
        member,
        _steps(parts),
    )
    sets = sets._replace(lr=jnp.full(config.train.nets, config.train.lr, jnp.float32))
    keys = ("distill.ipc", "distill.load", "train.nets", "train.epochs")
    loop = _loop(parts, "random_subset", _shared(parts, "random_subset", *keys))
    epochs = _epochs(config.train.epochs)
    net_keys = stack(net_key, config.train.nets)
    return train_on_sets(parts.trainer, net_keys, sets, epochs, loop)[0]


def networks_on_full_data(parts: Parts) -> Params:
    """`train.full_nets` networks on all rows of train."""
    config, data = parts.config, parts.dataset.train
    keys = stack(parts.key("full_data"), config.train.full_nets)
    rows = np.tile(np.arange(len(data.labels)), (config.train.full_nets, 1))
    loop = _loop(parts, "full_data", _shared(parts, "full_data", "train.full"))
    epochs = _every_epoch(config.train.full_epochs)
    return train_on_rows(
        parts.trainer, keys, data, rows, config.train.lr, epochs, loop
    )[0]


def pipelines(parts: Parts) -> dict[str, Pipeline]:
    """The pipelines that shadows are made of, by the name that Records use."""
    config, data = parts.config, parts.dataset.train
    epochs = _epochs(config.audits.privacy.epochs)
    of_shadows = ("audits.privacy.shadows", "audits.privacy.epochs", "distill.ipc")

    def shadows(method: str, where: Callable[[str], Path]) -> Pipeline:
        loops = [
            _loop(parts, "shadows", where(f"shadow_{stage}"))
            for stage in ("distil", "nets")
        ]
        return distil_then_train(
            _method(parts, method),
            parts.trainer,
            data,
            config.train.lr,
            _steps(parts),
            epochs,
            (loops[0], loops[1]),
        )

    shared = partial(_shared, parts)
    of_data = ("audits.privacy.shadows", "train.full_epochs")
    return {
        "distilled": shadows(config.distill.method, partial(_own, parts)),
        "random_subset": shadows("random", lambda name: shared(name, *of_shadows)),
        "full_data": train_on_data(
            parts.trainer,
            data,
            config.train.lr,
            _every_epoch(config.train.full_epochs),
            _loop(parts, "shadows", shared("shadow_full_data", *of_data)),
        ),
    }


def _steps(parts: Parts) -> Schedule:
    config = parts.config.distill
    return Schedule(config.steps, config.steps_per_call)


def _every_epoch(total: int) -> Schedule:
    return Schedule(total, 1)
