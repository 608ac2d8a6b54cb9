"""TensorFlow Datasets, read without TensorFlow."""

import os
import re
from itertools import chain
from typing import Any

import numpy as np

from dd_jax.data.labels import decode_name
from dd_jax.data.raw import Raw, count_sizes, stack_images
from dd_jax.data.splits import TEST_NAMES, TRAIN_NAMES, stratified_split
from dd_jax.system.paths import expanded
from dd_jax.types import InputError, Split

_UNLABELLED = -1  # as TFDS has the label of rows whose class was not published


def read(place: str, image_size: int | None, seed: int) -> Raw:
    """Reads the features `image` and `label` of a TFDS data set.

    The data set is read by `tfds.data_source` from `TFDS_DATA_DIR` (TFDS's own default
    where unset) and prepared there first if need be. Splits: `train`, and `test` or,
    where there is none or it has no labels, `validation`; a single split is split 80/20
    by class.

    Args:
      place: its name as TFDS spells it, such as `mnist` or `name/config:1.0.0`.
      image_size: side in pixels that images of several sizes are resized to.
      seed: of the 80/20 split; unused where there are two splits.

    Returns:
      Images `u8[n h w c]`, labels `i64[n]` and the class names that TFDS records.

    Raises:
      InputError: unknown or unreadable data set, one that needs TensorFlow where it
        is missing, one without `image` and `label`, or several splits but not these.
    """
    where = f"tfds:{place}"
    sources = _open(place, where)
    first, evaluated = _splits(sources, where)
    features = sources[first].dataset_info.features
    missing = [f for f in ("image", "label") if f not in features]
    if missing:
        raise InputError(
            f"{where} has no feature {missing[0]!r} (it has "
            f"{', '.join(sorted(features))}); an image classification data set with "
            "image and label is needed"
        )
    if getattr(features["label"], "shape", ()) != ():
        raise InputError(f"{where} has several labels an image; one class is needed")
    rows, note = _rows(sources[first], where), ()
    boundary = len(rows)
    if evaluated:
        split, found = _labelled(sources, evaluated, where)
        rows += found
        note = () if split == "test" else (f"test images are those of {split}",)
    arrays = [row["image"] for row in rows]
    images = stack_images(arrays, image_size, where)
    labels = np.array([row["label"] for row in rows])
    if evaluated:
        train, test = slice(boundary), slice(boundary, None)
    else:
        train, test = stratified_split(seed, labels, 0.2, where)
        note = (f"{where} has one split, {first}; 20 % of it are the test set",)
    names = getattr(features["label"], "names", None)
    return Raw(
        Split(images[train], labels[train]),
        Split(images[test], labels[test]),
        tuple(decode_name(name, where) for name in names) if names else None,
        note,
        count_sizes(arrays),
    )


def _splits(sources: dict, where: str) -> tuple[str, list[str]]:
    """The name of train, and those that may be test; none beside an only split."""
    if len(sources) == 1:
        return [*sources][0], []
    train = [split for split in TRAIN_NAMES if split in sources]
    test = [split for split in TEST_NAMES if split in sources]
    if not (train and test):
        raise InputError(
            f"{where} has the splits {', '.join(sorted(sources))}; train and one of "
            "test and validation are needed"
        )
    return train[0], test


def _labelled(
    sources: dict, names: list[str], where: str
) -> tuple[str, list[dict[str, Any]]]:
    """The first split with labels, and its rows; else the first, to be refused."""
    read = ((name, _rows(sources[name], where)) for name in names)
    first = next(read)
    has_labels = lambda one: any(row["label"] != _UNLABELLED for row in one[1])
    return next(filter(has_labels, chain([first], read)), first)


def files(source: str) -> str:
    """A source as the place of its files: those of TFDS lie where it prepares them.

    >>> files("npz:a.npz")
    'npz:a.npz'
    """
    kind, _, name = source.partition(":")
    if kind != "tfds":
        return source
    place = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return f"tfds:{place}/{re.split('[:/]', name)[0]}"


def _open(name: str, where: str) -> dict[str, Any]:
    """Prepares the data set if need be and gives its splits by name."""
    data_dir = os.environ.get("TFDS_DATA_DIR")
    if data_dir is None and not expanded("~").is_absolute():
        raise InputError(
            f"{where} is read from ~/tensorflow_datasets, and there is no home "
            "directory; set TFDS_DATA_DIR to where it is"
        )
    try:
        import tensorflow_datasets as tfds

        return tfds.data_source(
            name, data_dir=data_dir, builder_kwargs={"file_format": "array_record"}
        )
    except ImportError as error:
        raise _needs_install(where, error) from error
    except Exception as error:  # TFDS and its download stack raise many kinds
        place = data_dir or "~/tensorflow_datasets"
        if type(error).__name__ == "DatasetNotFoundError":
            raise InputError(
                f"{where} is not a data set that TFDS knows, nor one prepared in "
                f"{place}; check the name, or set TFDS_DATA_DIR to where it is"
            ) from error
        raise InputError(
            f"{where} could not be prepared in {place} ({_reason(error)}); prepare it "
            "there with file_format='array_record', or use another source"
        ) from error


def _rows(source: Any, where: str) -> list[dict[str, Any]]:
    try:
        return list(source)
    except ImportError as error:
        raise _needs_install(where, error) from error
    except Exception as error:  # a corrupt file raises in whichever layer meets it
        raise InputError(
            f"{where} could not be read ({_reason(error)}); prepare it again"
        ) from error


def _needs_install(where: str, error: ImportError) -> InputError:
    module = re.search(r"No module named '(\w+)", str(error))
    return InputError(
        f"{where} needs {module.group(1) if module else _reason(error)} to be prepared "
        "or read; pip install 'dd_jax[tfds]'"
    )


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
