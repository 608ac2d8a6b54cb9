"""`synthetic.npz`: a synthetic set that describes itself."""

import json
import reprlib
from pathlib import Path

import numpy as np

from dd_jax.distill.io import conversion as foreign
from dd_jax.distill.io import metadata_checks as claims
from dd_jax.distill.io import png_reading
from dd_jax.system.archive import read_npz
from dd_jax.system.paths import IS_FOLDER, expanded, no_file
from dd_jax.system.workdir import write_npz
from dd_jax.types import InputError, SyntheticSet

_ARRAYS = ("images", "labels", "lr")
_OPTIONAL = {"views": np.float32, "classes": np.int32}
_MOST_DECODED = 14  # images that a stored one decodes to: 1 + 4 + 9 by three factors


def save(path: str | Path, synthetic: SyntheticSet) -> None:
    """Writes `images f32[m h w c]`, `labels f32[m k]`, `lr f32[]` and JSON `metadata`.

    Where the set has them, also `views f32[v m k]` and `classes i32[m]`. The file
    appears whole or not at all, and the same set gives the same bytes.
    """
    arrays = {name: np.float32(getattr(synthetic, name)) for name in _ARRAYS}
    for name, of in _OPTIONAL.items():
        if (array := getattr(synthetic, name)) is not None:
            arrays[name] = of(array)
    metadata = json.dumps(synthetic.metadata or {}, sort_keys=True)
    write_npz(expanded(path), **arrays, metadata=np.array(metadata))


def load(path: str | Path) -> SyntheticSet:
    """Reads a synthetic set written by `save`, or a folder written by `export`.

    A set made elsewhere is converted to the same form where that is certain; see
    `conversion`, and `conversion.converted` for what was done.

    Raises:
      InputError: no such file, or not a well-formed synthetic set.
    """
    place = expanded(path)
    why = no_file(place)
    if why and why != IS_FOLDER:
        raise InputError(f"no synthetic set at {path}: {why}")
    found = png_reading.read(place) if why else _read_archive(place)
    claims.check(path, found.metadata)
    found = foreign.shaped(path, found)
    _check(path, found)
    if why:
        png_reading.check_whole(place, found)
    return foreign.scaled(path, found)


def has_learned_lr(synthetic: SyntheticSet) -> bool:
    """Whether the set has a learning rate other than `train.lr` of its config.

    >>> given = {"config": {"train": {"lr": 0.01}}}
    >>> [has_learned_lr(SyntheticSet(0, 0, np.float32(r), given)) for r in (0.01, 0.02)]
    [False, True]
    """
    if foreign.NO_RATE in foreign.converted(synthetic):
        return False
    given = (synthetic.metadata or {}).get("config", {}).get("train", {}).get("lr")
    return not (isinstance(given, float) and np.float32(given) == synthetic.lr)


def beside(path: str | Path, name: str) -> Path:
    """A file in the folder of a set, or in the folder that is one."""
    path = expanded(path)
    return path / name if path.is_dir() else path.with_name(name)


def _read_archive(path):
    refuse = lambda reason: f"{path} is not a synthetic set (.npz): {reason}"
    optional = ("lr", "metadata", *_OPTIONAL)
    file = read_npz(path, ("images", "labels"), optional, refuse)
    text = file.get("metadata", np.array("{}"))
    try:
        text = text.item()
        metadata = claims.parse(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, TypeError) as error:
        raise InputError(refuse(f"metadata should be JSON text ({error})")) from None
    arrays = (file.get(name) for name in _ARRAYS)
    return SyntheticSet(*arrays, metadata, *(file.get(name) for name in _OPTIONAL))


def _check(path, found):
    images, labels, lr, metadata, views, given = found
    shapes = images.shape, labels.shape, lr.shape
    ranks, empty = [len(s) for s in shapes], 0 in shapes[0] + shapes[1]
    if ranks != [4, 2, 0] or len(images) != len(labels) or empty:
        raise InputError(
            f"{path}: images {shapes[0]}, labels {shapes[1]} and lr {shapes[2]} should "
            "be [m h w c], [m k] and a number"
        )
    if not all(np.isfinite(a).all() for a in (images, labels, lr)):
        raise InputError(f"{path}: images, labels or lr hold NaN or infinity")
    if not lr > 0:
        raise InputError(f"{path}: lr is {lr}; a learning rate above 0 is needed")
    if not _are_probabilities(labels):
        raise InputError(
            f"{path}: each row of labels should be probabilities{_remedy(labels)}"
        )
    if views is not None:
        _check_views(path, views, labels)
    elif isinstance(training := metadata.get("training"), dict):
        if training.get("views_in_words"):
            raise InputError(f"{path}: the labels of its views are missing; copy all")
    classes = labels.shape[1]
    if given is not None and (
        given.shape != (len(labels),)
        or given.dtype.kind not in "iu"
        or not ((given >= 0) & (given < classes)).all()
    ):
        raise InputError(
            f"{path}: classes should be a whole number from 0 to {classes - 1} for "
            f"each of the {len(labels)} images"
        )
    names = metadata.get("class_names", [str(label) for label in range(classes)])
    if len(set(names)) != len(names) or len(names) != classes:
        raise InputError(
            f"{path}: metadata.class_names {reprlib.repr(names)} should be {classes} "
            "different names"
        )
    stored = metadata.get("stored_images", len(images))
    if not len(images) / _MOST_DECODED <= stored <= len(images):
        raise InputError(
            f"{path}: metadata.stored_images is {stored}, and {len(images)} images are "
            "there; a stored image is decoded to 1 to 14 of them"
        )


def _are_probabilities(rows):
    return bool((rows >= 0).all()) and np.allclose(rows.sum(-1), 1, atol=1e-3)


def _check_views(path, views, labels):
    if views.ndim != 3 or views.shape[1:] != labels.shape or not len(views):
        raise InputError(
            f"{path}: views {views.shape} should be [v m k], v labels of each of the "
            f"{len(labels)} images"
        )
    if not _are_probabilities(views):
        raise InputError(f"{path}: each row of views should be probabilities")


def _remedy(labels):
    """What makes labels probabilities, as far as they tell."""
    if (labels <= 0).all() and np.allclose(np.exp(labels).sum(1), 1, atol=1e-3):
        return "; these are their logarithms: store exp(labels)"
    if (labels >= 0).all() and (labels.sum(1) > 0).all():
        return "; store labels / labels.sum(1, keepdims=True) if they are weights"
    return "; store their softmax if they are logits"
