"""From the name of a source to a checked Dataset."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dd_jax.catalogue import arguments, entry, resolve
from dd_jax.catalogue.naming import source_of
from dd_jax.catalogue.rules import BACKGROUND, clusters_of
from dd_jax.data.biased import (
    UNBIASED,
    Bias,
    biased_name,
    check_bias,
    in_colours,
    thinned,
)
from dd_jax.data.checks import check_classes, checked_split
from dd_jax.data.colour_bias import require_grey
from dd_jax.data.labels import used_classes
from dd_jax.data.proxy_groups import with_proxy_groups
from dd_jax.data.raw import Raw, resize
from dd_jax.data.splits import stratified_split, take
from dd_jax.data.statistics import channel_statistics, published_statistics
from dd_jax.types import Dataset, InputError, Split


def load(
    source: str,
    *,
    num_classes: int | None = None,
    image_size: int | None = None,
    rows: int | None = None,
    validation: float = 0.0,
    seed: int = 0,
    background: str = "refuse",
    bias: Bias = UNBIASED,
    groups: str = "given",
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Loads, checks, cuts and resizes a labelled image data set.

    Args:
      source: `digits`, `tfds:NAME`, `idx:DIR`, `npz:FILE`, `folder:DIR`, or one that
        is registered.
      num_classes: keeps the first n classes; all of them if None.
      image_size: side in pixels that images are resized to (square, bilinear).
      rows: keeps about n random rows of train, the same share of every class;
        all of them if None or if there are no more.
      validation: share of train to hold out by class, in [0, 1).
      seed: of the rows kept, also by an imbalance, the validation split, colours and
        clusters, and the train/test split of a source that has none.
      background: colour that shows through transparent pixels of image files, such as
        `white`; `refuse` refuses such files.
      bias: how the rows are made uneven after the validation rows are held out.
      groups: `given`, those of the source or its colours, or `clusters:K`, see
        `with_proxy_groups`.
      options: what a source that is registered takes.

    Returns:
      A Dataset whose arrays passed every check of `dd_jax.data.checks`. `mean` and
      `std` are the published constants for a known data set and are computed from
      train, without the validation rows, for any other. Classes without images are
      left out and the labels renumbered, as `notes` state.

    Raises:
      InputError: anything wrong with the arguments or the data.

    >>> load("digits", num_classes=3).class_names
    ('0', '1', '2')
    """
    if not 0 <= validation < 1:
        raise InputError(
            f"validation is {validation}; a share of train in [0, 1) is needed"
        )
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size is {image_size}; a positive number is needed")
    if rows is not None and rows < 1:
        raise InputError(f"rows is {rows}; a positive number is needed")
    if seed < 0:
        raise InputError(f"seed is {seed}; a number from 0 up is needed")
    if not BACKGROUND.accepts(background):
        raise InputError(f"background is {background!r}; use {BACKGROUND.words}")
    check_bias(bias)
    clusters = clusters_of(groups)
    raw = _read(source, options or {}, image_size, seed, background)
    train = checked_split(raw.train, f"{source} train")
    test = checked_split(raw.test, f"{source} test")
    train, test, names, unused = used_classes(train, test, raw.class_names, source)
    constants = published_statistics(train.images)
    stored = (*train.images.shape[1:3], len(train.labels) + len(test.labels))
    if num_classes is not None and len(names) > 1:
        if not 2 <= num_classes <= len(names):
            raise InputError(
                f"num_classes is {num_classes}; {source} has {len(names)} classes, so "
                f"a number from 2 to {len(names)} is needed"
            )
        names = names[:num_classes]
        train, test = (take(s, s.labels < num_classes) for s in (train, test))
    check_classes(train, test, names, source)
    if bias.colour != "none":
        require_grey(train.images, len(names), source)
        _require_no_groups(train, source)
    if rows is not None and rows < len(train.labels):
        share = rows / len(train.labels)
        where = f"{source} train"
        _, kept = stratified_split(seed, train.labels, share, where, names, lone=True)
        train = take(train, kept)
    if image_size is not None:
        train, test = _resized(train, image_size), _resized(test, image_size)
    held_out = None
    if validation:
        kept, held = stratified_split(
            seed, train.labels, validation, f"{source} train", names
        )
        train, held_out = take(train, kept), take(train, held)
    train, fewer = thinned(bias, seed, train, names, source)
    train, (test, held_out), recoloured = in_colours(
        bias, seed, train, (test, held_out), len(names)
    )
    groups_are = "" if bias.colour == "none" else "colours"
    if clusters:
        groups_are = f"{clusters} clusters of images less the mean of their class"
        train, (test, held_out) = with_proxy_groups(
            seed, train, (test, held_out), clusters
        )
    grouped = (f"groups are {groups_are}",) if groups_are else ()
    known = constants if bias.colour == "none" else None
    mean, std = known or channel_statistics(train.images)
    return Dataset(
        train=train,
        test=test,
        class_names=names,
        mean=mean,
        std=std,
        name=biased_name(source, bias),
        checksum=_checksum((train, test, held_out), names),
        validation=held_out,
        notes=raw.notes + unused + fewer + recoloured + grouped,
        sizes=raw.sizes or (stored,),
    )


def _require_no_groups(train: Split, source: str) -> None:
    if train.groups is not None:
        raise InputError(
            f"data.colour: {source} has groups of its own, which colours would "
            "replace; take data.colour=none"
        )


def _read(source: str, own: Mapping[str, Any], image_size, seed, background) -> Raw:
    """What the reader of a source gives, with the arguments that it takes."""
    kind, place = source_of(source)
    shared = {
        "place": place,
        "image_size": image_size,
        "seed": seed,
        "background": background,
    }
    found = entry("source", kind)
    raw = resolve("source", kind)(**arguments(found, own, shared))
    if not isinstance(raw, Raw):
        raise InputError(
            f"data source {kind!r} gives a {type(raw).__name__}; it must give a "
            "dd_jax.data.Raw"
        )
    return raw


def _resized(split: Split, size: int) -> Split:
    if split.images.shape[1:3] == (size, size):
        return split
    return split._replace(images=np.stack([resize(i, size) for i in split.images]))


def _checksum(splits: tuple[Split | None, ...], names: tuple[str, ...]) -> str:
    """Hashes names and, for every array, its dtype, shape and bytes."""
    digest = hashlib.sha256(repr(names).encode())
    for split in splits:
        for array in split or (None, None, None):
            if array is None:
                digest.update(b"none")
            else:
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
