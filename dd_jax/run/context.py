"""The parts that a config comes to: data, network, training recipe, keys."""

import hashlib
import os
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.attacks import ATTACKS
from dd_jax.audits.privacy.canaries import Planted, plant
from dd_jax.catalogue import entry
from dd_jax.catalogue.naming import attack_of, source_of
from dd_jax.data import dsa, load, tfds_source
from dd_jax.data.cutmix import cutmix
from dd_jax.data.zca import Whitening, fit_zca, read_zca, zca_space
from dd_jax.distill.io import storage
from dd_jax.models import build, fields, minimum_size
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import integer, named
from dd_jax.runtime.loop import digest
from dd_jax.runtime.reuse import reused
from dd_jax.train import Trainer, adversary, trainer
from dd_jax.train.training import unmixed
from dd_jax.types import Dataset, InputError, Model, Space, Split

_LINKED = 2  # folders below the first that may be links: train/CLASS

augmentation = reused(dsa)


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
      fingerprint: of these data as models see them.
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
    fingerprint: str
    cost: Cost


@lru_cache(maxsize=4)
def _load(
    source, stamp, num_classes, image_size, rows, validation, seed, background, own
):
    found = load(
        source,
        num_classes=num_classes or None,
        image_size=image_size or None,
        rows=rows or None,
        validation=validation,
        seed=seed,
        background=background,
        **dict(own),
    )
    # files that change are read anew; what is prepared for TFDS may be made by reading
    if not source.startswith("tfds:") and _stamp(source) != stamp:
        raise InputError(
            f"{source} changed while it was read; run again when it is whole"
        )
    return found


def dataset(config: ConfigDict) -> Dataset:
    """The data set of a config, read once unless its files change."""
    return _load(*_place(config))


def whitening(config: ConfigDict) -> Whitening | None:
    """ZCA where the config asks for it: of the training images, fitted once.

    A loaded set brings its own, whatever rows it was fitted on.

    Raises:
      InputError: a loaded set without its `zca.npz`.
    """
    return _whitened(*_whitened_by(config))[0]() if config.data.zca else None


def space(config: ConfigDict) -> Space | None:
    """The space of ZCA, where the config asks for it; the same object each time.

    Nothing is fitted before it is entered or left.
    """
    return _whitened(*_whitened_by(config))[1] if config.data.zca else None


@lru_cache(maxsize=4)
def _whitened(file, stamp, *place):
    del stamp
    fitted = cache(
        lambda: read_zca(file) if file else fit_zca(_load(*place).train.images)
    )
    return fitted, zca_space(fitted)


def _whitened_by(config: ConfigDict) -> tuple:
    place = _place(config)
    if not config.distill.load:
        return None, None, *place
    file = storage.beside(config.distill.load, "zca.npz")
    return file, _stamp(f"file:{file}"), *place


def _place(config: ConfigDict) -> tuple:
    data = config.data
    return (
        data.source,
        _stamp(tfds_source.files(data.source)),
        data.num_classes,
        data.image_size,
        data.rows,
        data.validation,
        config.seed,
        data.background,
        tuple(own_options(config, "source", source_of(data.source)[0]).items()),
    )


def _stamp(source: str) -> str:
    """Names, sizes and times of a source's files; the same for none.

    Folders are looked into as deep as they go, and through links where images are: of
    splits and classes, not below.
    """
    place = os.path.expanduser(source.partition(":")[2] or "/nowhere")
    found = [(place, *_facts(place))]
    for folder, inner, files in os.walk(place, followlinks=True):
        depth = folder[len(place) :].count(os.sep)
        inner[:] = sorted(
            name
            for name in inner
            if name[0] != "."
            and (depth < _LINKED or not os.path.islink(os.path.join(folder, name)))
        )
        paths = [os.path.join(folder, name) for name in sorted(files)]
        found += [(path, *_facts(path)) for path in paths]
    return hashlib.sha256(os.fsencode(repr(found))).hexdigest()


def _facts(path: str) -> tuple[int, ...]:
    """Size, times and place on disk of a file; empty where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def own_options(config: ConfigDict, kind: str, name: str) -> dict[str, Any]:
    """The values of the config keys that an entry of the catalogue has of its own."""
    found = entry(kind, name)
    values = configs.flat(config)
    return {option.name: values[found.prefix + option.name] for option in found.options}


def has_privacy(config: ConfigDict) -> bool:
    """Whether membership is audited; a set made elsewhere has no shadows."""
    return config.audits.privacy.enabled and not config.distill.load


def fingerprint(config: ConfigDict) -> str:
    """What identifies the data as models see them: checksum and normalisation."""
    return _seen(config, dataset(config))


def _seen(config: ConfigDict, data: Dataset) -> str:
    seen = ""
    if config.data.zca:
        own = config.distill.load and f" of {digest(whitening(config))}"
        seen = f" zca{own}"
    return f"{data.checksum} {data.mean} {data.std}{seen}"


def learns(config: ConfigDict) -> bool:
    """Whether the method learns its images, and does not just select them."""
    return not entry("method", config.distill.method).traits.get("selects", False)


def norm_of(spec: str) -> str:
    """The norm of an attack that a config names.

    >>> norm_of("square:l1"), norm_of("deepfool")
    ('l1', 'l2')
    """
    name, chosen = attack_of(spec)
    return ATTACKS[name](eps=0.0, **chosen).ball.name


def matches(method: str) -> bool:
    """Whether a method matches real images, which can be attacked for it."""
    return entry("method", method).traits.get("matches_real", True)


def planted(config: ConfigDict, data: Dataset) -> Planted:
    """Train as shadows of the membership audit get it, with its canaries."""
    seed = integer(named(jax.random.key(config.seed), "canaries"))
    return plant(seed, data.train, config.audits.privacy.canaries)


def images_per_class(config: ConfigDict) -> int:
    """Size of the synthetic set by class; of a loaded one as it is, rounded up."""
    if not config.distill.load:
        return config.distill.ipc
    loaded = storage.load(config.distill.load)
    images, classes = loaded.labels.shape
    return -(-(loaded.metadata or {}).get("stored_images", images) // classes)


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


def judged_rows(data: Dataset) -> Split:
    """The rows that numbers come from: validation where held out, else test."""
    return data.validation or data.test


def parts(config: ConfigDict, folder: Path, cache: Path) -> Parts:
    """Builds what a valid config names."""
    data = dataset(config)
    model = network(config, data)
    augment = augmentation(config.train.augment, data.mean, data.std).independent
    mixed = config.train.cutmix
    mix = cutmix(mixed) if mixed else unmixed
    return Parts(
        config=config,
        dataset=data,
        judged=judged_rows(data),
        model=model,
        trainer=trainer(
            model,
            batch=config.train.batch,
            decay=config.train.decay,
            augment=augment,
            mix=mix,
            perturb=_adversary(model, **config.train.adversarial),
        ),
        folder=folder,
        cache=cache,
        key=partial(named, jax.random.key(config.seed)),
        fingerprint=_seen(config, data),
        cost=Cost(),
    )


@reused
def _adversary(model: Model, eps: float, steps: int) -> Callable | None:
    return adversary(model, ATTACKS["pgd_linf"](eps, steps=steps)) if eps else None


def model_settings(config: ConfigDict) -> dict[str, Any]:
    """The keys of `config.model` that its architecture has."""
    name, known = config.model.name, fields(config.model.name)
    shared = {k: v for k, v in config.model.items() if k in known}
    return shared | own_options(config, "model", name)


def upsampled(parts: Parts) -> bool:
    """Whether the model enlarges its images because they are below its least size."""
    side = minimum_size(parts.config.model.name)
    return min(parts.dataset.train.images.shape[1:3]) < side
