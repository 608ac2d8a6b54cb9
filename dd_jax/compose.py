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
from dd_jax.audits.privacy.canaries import Planted, plant, planted_masks
from dd_jax.cost import Cost
from dd_jax.data import dsa, load, require_per_class
from dd_jax.data.cutmix import cutmix
from dd_jax.distill import (
    CHOOSERS,
    METHODS,
    Joint,
    Method,
    shadow_matching,
    storage,
)
from dd_jax.drive import drive
from dd_jax.keys import integer, named, stack
from dd_jax.mitigate import MITIGATIONS
from dd_jax.models import build, fields, minimum_size
from dd_jax.pipelines import distil_many, distil_then_train, train_on_data
from dd_jax.train import Trainer, adversary, trainer
from dd_jax.train.experts import expert_paths
from dd_jax.train.fit import unmixed
from dd_jax.train.many import Schedule, train_on_rows, train_on_sets
from dd_jax.types import (
    Array,
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
def _load(source, stamp, num_classes, image_size, rows, validation, seed):
    del stamp  # files that changed are read anew
    return load(
        source,
        num_classes=num_classes or None,
        image_size=image_size or None,
        rows=rows or None,
        validation=validation,
        seed=seed,
    )


def dataset(config: ConfigDict) -> Dataset:
    """The data set of a config, read once unless its files change."""
    data = config.data
    return _load(
        data.source,
        _stamp(data.source),
        data.num_classes,
        data.image_size,
        data.rows,
        data.validation,
        config.seed,
    )


def _stamp(source: str) -> tuple[int, int]:
    """Newest modification and total size of a source's files; zeros if not local."""
    place = Path(source.partition(":")[2] or "/nowhere")
    files = [place] if place.is_file() else place.rglob("*")
    stats = [path.stat() for path in files]
    newest = max((stat.st_mtime_ns for stat in stats), default=0)
    return newest, sum(stat.st_size for stat in stats)


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
    if has_privacy(config):
        _check_privacy(config, data)
    if config.mitigate.robust.eps and config.distill.method in (*CHOOSERS, "mtt"):
        raise InputError(
            f"mitigate.robust.eps: {config.distill.method} matches no real images that "
            "could be attacked; take dc, dsa, dm, idc_i or idc"
        )
    jax.eval_shape(_model(config, data).init, jax.random.key(0))
    judged = _judged(data)
    if config.audits.fairness.enabled and judged.groups is not None:
        classes = len(data.class_names)
        fairness.equalised_odds(judged.labels, judged.labels, judged.groups, classes)


def _check_privacy(config: ConfigDict, data: Dataset) -> None:
    audit, side = config.audits.privacy, min(data.train.images.shape[1:3])
    if audit.query_shift >= side:
        raise InputError(
            f"audits.privacy.query_shift={audit.query_shift}: images of side {side} "
            f"can be shifted by at most {side - 1} pixels"
        )
    if audit.joint and config.distill.method != "dm":
        raise InputError(
            f"audits.privacy.joint: distill.method={config.distill.method} has no "
            "joint form; take dm, or joint=False"
        )
    if audit.joint:
        shadow_matching(_model(config, data), ipc=config.distill.ipc)
    planted_masks(0, planted(config, data), 1, at_least=config.distill.ipc)


def planted(config: ConfigDict, data: Dataset) -> Planted:
    """Train as shadows of the membership audit get it, with its canaries."""
    seed = integer(named(jax.random.key(config.seed), "canaries"))
    return plant(seed, data.train, config.audits.privacy.canaries)


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
    mixed = config.train.cutmix
    mix = cutmix(mixed) if mixed else unmixed
    return Parts(
        config=config,
        dataset=data,
        judged=_judged(data),
        model=model,
        trainer=trainer(
            model,
            batch=config.train.batch,
            augment=augment,
            mix=mix,
            perturb=_adversary(model, **config.train.adversarial),
        ),
        folder=folder,
        cache=cache,
        key=partial(named, jax.random.key(config.seed)),
        cost=Cost(),
    )


def _learning(parts: Parts) -> dict[str, Any]:
    """The options of a method that learns its images, but for where they start."""
    config = parts.config.distill
    return {
        "ipc": images_per_class(parts.config),
        "rate": parts.config.train.lr,
        "mean": parts.dataset.mean,
        "std": parts.dataset.std,
        "multi": config.multi,
        "lr_labels": config.lr_labels,
        **_set(lr=config.lr, factor=config.factor),
        **_steps_of(parts, config.method),
    }


@cache
def _adversary(model: Model, eps: float, steps: int) -> Callable | None:
    return adversary(model, ATTACKS["pgd_linf"](eps, steps=steps)) if eps else None


def _method(parts: Parts, name: str) -> Method:
    """A method with the config's choices; another than the config's as it comes."""
    config, ipc = parts.config.distill, images_per_class(parts.config)
    if name != config.method or not learns(parts.config):
        rate = parts.config.train.lr
        return METHODS[name](parts.model, ipc=ipc, rate=rate)
    build_method = partial(METHODS[name], parts.model, **_learning(parts))
    mitigated = build_method()
    for mitigation, settings in parts.config.mitigate.items():
        mitigated = MITIGATIONS[mitigation](mitigated, parts.model, **settings)
    # Steps do not depend on where they start from: all starts share one program.
    return mitigated._replace(init=build_method(init=config.init).init)


def _set(**options: Any) -> dict[str, Any]:
    """The options that the config does not leave to the method."""
    return {name: value for name, value in options.items() if value}


def _steps_of(parts: Parts, name: str) -> dict[str, Any]:
    """The options of a method's updates."""
    config = parts.config.distill
    augment = _dsa(config.augment, parts.dataset.mean, parts.dataset.std)
    if name == "mtt":
        own = ("experts", "kept_epochs", "expert_lr")
        options = {k: v for k, v in config.mtt.items() if k not in own}
        return options | {"augment": augment.independent}
    options = {"batch_real": config.batch_real, "augment": augment.siamese}
    if name == "dm":
        return options
    network, practice = config.network, {"epochs": config.network.epochs}
    if name.startswith("idc"):
        practice = {"steps": network.steps}
    distance = "" if config.distance == "own" else config.distance
    return options | _set(
        augment_net=augment.independent,
        life=network.life,
        distance=distance,
        **{f"net_{unit}": count for unit, count in practice.items()},
    )


def _experts(parts: Parts, data: Split) -> Callable:
    """Trains, or finds, the experts of one distiller of `data`."""
    config = parts.config
    mtt, augment = config.distill.mtt, config.train.augment
    recipe = trainer(
        parts.model,
        batch=config.train.batch,
        momentum=0.0,
        weight_decay=0.0,
        decay=False,
        augment=_dsa(augment, parts.dataset.mean, parts.dataset.std).independent,
    )

    def paths(key, rows, epochs):
        length = max(epochs, mtt.kept_epochs)
        of_experts = ["distill.mtt.experts", "distill.mtt.expert_lr"]
        if data is not parts.dataset.train:
            of_experts.append("audits.privacy.canaries")
        folder = _shared(parts, f"experts_{length}", *of_experts)
        return expert_paths(
            recipe,
            stack(named(key, "experts"), mtt.experts),
            data,
            rows,
            mtt.expert_lr,
            length,
            lambda label: _loop(parts, "experts", folder, label=label),
            folder,
        )

    return paths


def _loop(
    parts: Parts, stage: str, folder: Path, label: str = "", **kw: Any
) -> Callable:
    """`drive` for one stage; a run's own stages go on from its checkpoints."""

    def loop(advance, state, **schedule):
        driven = drive(
            advance,
            state,
            label=label or folder.name,
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
    recipe = ("train.batch", "train.lr", "train.augment", "train.cutmix")
    common = ("seed", "model.", *recipe, "train.adversarial", *keys)
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
    return distil_many(
        _method(parts, config.distill.method),
        keys,
        parts.dataset.train,
        member,
        _steps(parts),
        loop,
        _experts(parts, parts.dataset.train),
    )[0]


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


def _shadow_loop(parts: Parts, pipe: str, stage: str) -> Callable:
    """The loop of one stage of a pipeline's shadows; baselines are shared by runs."""
    seconds = "shadow_distill" if stage == "distil" else "shadows"
    if pipe == "distilled":
        return _loop(parts, seconds, _own(parts, f"shadow_{stage}"))
    privacy = [f"audits.privacy.{key}" for key in ("shadows", "targets", "canaries")]
    if pipe == "full_data":
        folder = _shared(parts, "shadow_full_data", *privacy, "train.full_epochs")
    else:
        keys = (*privacy, "audits.privacy.epochs", "distill.ipc")
        folder = _shared(parts, f"shadow_{stage}", *keys)
    return _loop(parts, seconds, folder)


def _joint(parts: Parts, halves: bool) -> Joint:
    """Steps that shadows take together; of halves, each is given half of the batch."""
    options = _learning(parts)
    options["batch_real"] *= 2 if halves else 1
    return shadow_matching(parts.model, **options)


def shadow_pipeline(
    parts: Parts,
    pipe: str,
    data: Split,
    *,
    initial_only: bool = False,
    joint: bool = False,
) -> Pipeline:
    """The pipeline that shadows are made of, by the name that Records use.

    Args:
      parts: of the run.
      pipe: `distilled`, `random_subset` or `full_data`.
      data: the rows that members are drawn from.
      initial_only: see `dd_jax.pipelines.distil_then_train`.
      joint: whether shadows share networks and real batches.
    """
    config = parts.config
    if pipe == "full_data":
        return train_on_data(
            parts.trainer,
            data,
            config.train.lr,
            _every_epoch(config.train.full_epochs),
            _shadow_loop(parts, pipe, "nets"),
        )
    return distil_then_train(
        _method(parts, config.distill.method if pipe == "distilled" else "random"),
        parts.trainer,
        data,
        _steps(parts),
        _epochs(config.audits.privacy.epochs),
        (_shadow_loop(parts, pipe, "distil"), _shadow_loop(parts, pipe, "nets")),
        _experts(parts, data),
        initial_only=initial_only,
        joint=_joint(parts, halves=not initial_only) if joint else None,
    )


def shadow_networks(parts: Parts, pipe: str, keys: Array, sets: SyntheticSet) -> Params:
    """Further networks on sets of shadows, trained as their pipeline does."""
    epochs = _epochs(parts.config.audits.privacy.epochs)
    loop = _shadow_loop(parts, pipe, "nets")
    return train_on_sets(parts.trainer, keys, sets, epochs, loop)[0]


def _steps(parts: Parts) -> Schedule:
    config = parts.config.distill
    return Schedule(config.steps, config.steps_per_call)


def _every_epoch(total: int) -> Schedule:
    return Schedule(total, 1)
