"""`synthetic.npz`: a synthetic set that describes itself."""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dd_jax.distill import png_folder
from dd_jax.paths import IS_FOLDER, expanded, no_file
from dd_jax.types import InputError, SyntheticSet
from dd_jax.workdir import write_npz

_ARRAYS = ("images", "labels", "lr")
_CORRUPT = (OSError, ValueError, RecursionError, zlib.error, zipfile.BadZipFile)


def save(path: str | Path, synthetic: SyntheticSet) -> None:
    """Writes `images f32[m h w c]`, `labels f32[m k]`, `lr f32[]` and JSON `metadata`.

    The file appears whole or not at all, and the same set gives the same bytes.
    """
    arrays = {name: np.float32(getattr(synthetic, name)) for name in _ARRAYS}
    metadata = json.dumps(synthetic.metadata or {}, sort_keys=True)
    write_npz(expanded(path), **arrays, metadata=np.array(metadata))


def load(path: str | Path) -> SyntheticSet:
    """Reads a synthetic set written by `save`, or a folder written by `export`.

    Raises:
      InputError: no such file, or not a well-formed synthetic set.
    """
    place = expanded(path)
    why = no_file(place)
    if why and why != IS_FOLDER:
        raise InputError(f"no synthetic set at {path}: {why}")
    found = png_folder.read(place) if why else _read_archive(place)
    _check(path, found)
    return found


def learned_rate(synthetic: SyntheticSet) -> bool:
    """Whether the set has a step size of its own, other than `train.lr` of its config.

    >>> given = {"config": {"train": {"lr": 0.01}}}
    >>> [learned_rate(SyntheticSet(0, 0, np.float32(r), given)) for r in (0.01, 0.02)]
    [False, True]
    """
    given = (synthetic.metadata or {}).get("config", {}).get("train", {}).get("lr")
    return not (isinstance(given, float) and np.float32(given) == synthetic.lr)


def beside(path: str | Path, name: str) -> Path:
    """A file in the folder of a set, or in the folder that is one."""
    path = expanded(path)
    return path / name if path.is_dir() else path.with_name(name)


def _read_archive(path):
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a synthetic set (.npz): no archive")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in (*_ARRAYS, "metadata") if name not in file]
            if missing:
                raise InputError(f"{path} lacks {', '.join(missing)}")
            images, labels, lr = (np.float32(file[name]) for name in _ARRAYS)
            metadata = json.loads(str(file["metadata"]))
    except InputError:
        raise
    except _CORRUPT as error:
        raise InputError(f"{path} is not a synthetic set (.npz): {error}") from None
    return SyntheticSet(images, labels, lr, metadata)


def _check(path, found):
    images, labels, lr, metadata = found
    shapes = images.shape, labels.shape, lr.shape
    if [len(s) for s in shapes] != [4, 2, 0] or not len(images) == len(labels) > 0:
        raise InputError(
            f"{path}: images {shapes[0]}, labels {shapes[1]} and lr {shapes[2]} should "
            "be [m h w c], [m k] and a number"
        )
    if not all(np.isfinite(a).all() for a in (images, labels, lr)):
        raise InputError(f"{path}: images, labels or lr hold NaN or infinity")
    if not lr > 0:
        raise InputError(f"{path}: lr is {lr}; a step size above 0 is needed")
    if (labels < 0).any() or not np.allclose(labels.sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: each row of labels should be probabilities")
    _check_metadata(path, metadata, labels.shape[1])


def _check_metadata(path, metadata, classes):
    made = metadata.get("config", {}) if isinstance(metadata, dict) else None
    parts = ("distill", "train")
    if not isinstance(made, dict) or not all(
        isinstance(made.get(part, {}), dict) for part in parts
    ):
        raise InputError(
            f"{path}: metadata, its config, distill and train should be JSON objects"
        )
    maker = made.get("distill", {})
    if not all(isinstance(maker.get(key, ""), str) for key in ("method", "init")):
        raise InputError(
            f"{path}: method and init of metadata.config.distill should be names"
        )
    names = metadata.get("class_names", [str(label) for label in range(classes)])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: metadata.class_names should be a list of names")
    if len(set(names)) != len(names) or len(names) != classes:
        raise InputError(
            f"{path}: metadata.class_names {names} should be {classes} different names"
        )
    stored = metadata.get("stored_images", 1)
    if type(stored) is not int or stored < 1:
        raise InputError(
            f"{path}: metadata.stored_images is {stored!r}; a number above 0 is needed"
        )
