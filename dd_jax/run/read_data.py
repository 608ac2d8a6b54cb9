"""The data set of a config and its whitening, read again only where files change."""

import hashlib
import os
from functools import cache, lru_cache, reduce
from operator import getitem
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax.catalogue import entry, resolve, takes
from dd_jax.catalogue.naming import source_of
from dd_jax.data import Bias, load, tfds_source
from dd_jax.data.fitting import with_channels
from dd_jax.data.statistics import with_public_statistics
from dd_jax.data.zca import Space, Whitening, fit_zca, read_zca, zca_space
from dd_jax.distill.io import storage
from dd_jax.run.grid_checks import SEEN
from dd_jax.runtime.loop import array_digest
from dd_jax.types import Dataset, InputError, Split

_LINKED = 2  # folders below the first that may be links: train/CLASS


class _Cuts(NamedTuple):
    """What `load` makes of the rows of a source."""

    num_classes: int | None = None
    image_size: int | None = None
    rows: int | None = None
    validation: float = 0.0
    seed: int = 0
    background: str = "refuse"
    bias: Bias = Bias()
    groups: str = "given"


@lru_cache(maxsize=4)
def _load(source, of, stamp, own, cuts):
    del of  # another function under the name of a source gives other data
    found = load(source, options=dict(own), **cuts._asdict())
    # files that change are read again; what is prepared for TFDS may be made by reading
    if not source.startswith("tfds:") and _stamp_now(source) != stamp:
        raise InputError(
            f"{source} changed while it was read; run again when it is whole"
        )
    return found


def dataset(config: ConfigDict) -> Dataset:
    """The data set of a config, read once unless its files change."""
    found = _load(*place(config))
    return with_public_statistics(found) if config.dp.epsilon else found


def public_rows(source: str, shape: tuple[int, int, int]) -> Split:
    """The training rows of a public source as images of a shape, read once.

    Args:
      source: as in `data.load`.
      shape: height, width, channels; square images are resized to a square, grey and
        colour made into each other.

    Raises:
      InputError: images that cannot be made to fit, or anything wrong with the source.
    """
    height, width, channels = shape
    size = height if height == width else None
    try:
        factory = entry("source", source_of(source)[0]).factory
        stamp = _stamp(tfds_source.files(source))
        found = _load(source, factory, stamp, (), _Cuts(image_size=size)).train
        if found.images.shape[1:3] != (height, width):
            h, w = found.images.shape[1:3]
            raise InputError(f"its images are {h}x{w}, those of data are not square")
        return Split(with_channels(found.images, channels), found.labels)
    except InputError as error:
        raise InputError(f"distill.init=public:{source}: {error}") from None


def whitening(config: ConfigDict) -> Whitening | None:
    """ZCA where the config asks for it: of the training images, fitted once.

    A loaded set has its own, whatever rows it was fitted on.

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
def _whitened(file, stamp, *of):
    del stamp
    fitted = cache(lambda: read_zca(file) if file else fit_zca(_load(*of).train.images))
    return fitted, zca_space(fitted)


def _whitened_by(config: ConfigDict) -> tuple:
    if not config.distill.load:
        return None, None, *place(config)
    file = storage.beside(config.distill.load, "zca.npz")
    return file, _stamp(f"file:{file}"), *place(config)


def place(config: ConfigDict) -> tuple:
    """All that the data set of a config follows from: equal where the data are."""
    data, kind = config.data, source_of(config.data.source)[0]
    return (
        data.source,
        entry("source", kind).factory,
        _stamp(tfds_source.files(data.source)),
        tuple(own_options(config, "source", kind).items()),
        _Cuts(
            data.num_classes or None,
            data.image_size or None,
            data.rows or None,
            data.validation,
            config.seed if _draws(config, kind) else 0,
            data.background,
            Bias(data.imbalance, data.imbalance_ratio, data.colour, data.correlation),
            data.groups,
        ),
    )


def _draws(config: ConfigDict, kind: str) -> bool:
    """Whether the rows of the splits, their colours or groups follow from the seed."""
    data = config.data
    biased = (data.imbalance, data.colour, data.groups) != ("none", "none", "given")
    drawn = bool(data.rows or data.validation) or biased
    return drawn or takes(resolve("source", kind), "seed")


def _stamp(source: str) -> str:
    """The stamp of a source's files; in one grid, as it was found first."""
    if not (seen := SEEN.get()):
        return _stamp_now(source)
    if source not in seen.stamps:
        seen.stamps[source] = _stamp_now(source)
    return seen.stamps[source]


def _stamp_now(source: str) -> str:
    """Names, sizes and times of a source's files; the same for none.

    Folders are looked into as deep as they go, and through links where images are: of
    splits and classes, not below.
    """
    root = os.path.expanduser(source.partition(":")[2] or "/nowhere")
    found = [(root, *_facts(root))]
    for folder, inner, files in os.walk(root, followlinks=True):
        depth = folder[len(root) :].count(os.sep)
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
    at = lambda key: reduce(getitem, key.split("."), config)
    return {o.name: at(key) for o, key in zip(found.options, found.keys)}


def fingerprint(config: ConfigDict, data: Dataset) -> str:
    """What identifies the data as networks see them: checksum and normalisation."""
    zca = ""
    if config.data.zca:
        of_set = config.distill.load and f" of {array_digest(whitening(config))}"
        zca = f" zca{of_set}"
    return f"{data.checksum} {data.mean} {data.std}{zca}"
