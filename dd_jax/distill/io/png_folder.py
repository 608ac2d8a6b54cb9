"""Writes a synthetic set as a folder of PNG files that any tool can read."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dd_jax.data.eight_bits import encoding, quantise
from dd_jax.data.zca import read_zca
from dd_jax.system.workdir import write_npz
from dd_jax.types import InputError, SyntheticSet

_VIEWED = (
    " An image has a label for each of its augmented views, in views.npz; see "
    "metadata.training.views_in_words."
)
VIEWS = "views.npz"  # f32[v m k], labels of augmented views, where a set has them
MODES = {1: "L", 3: "RGB"}
_USE = (
    "Images in [0, 1] are bytes / 255. Train on (images - mean) / std of "
    "metadata.normalisation{whitened} with cross-entropy against the class "
    "probabilities, from learning rate lr, by metadata.training."
)
_WHITENED = (
    " replaced by (x - mean) @ forward of zca.npz, x the pixels of an image in a row,"
)


def whitened(synthetic: SyntheticSet) -> bool:
    """Whether networks see the set through ZCA, so that it needs its `zca.npz`."""
    return bool((synthetic.metadata or {}).get("zca"))


def describe(synthetic: SyntheticSet) -> dict:
    """All that training needs beside images and labels, as plain JSON values.

    Returns:
      `{use, lr, shape, classes, encoding, metadata}`: `metadata` is the set's own.
    """
    return {
        "use": _USE.format(whitened=_WHITENED if whitened(synthetic) else "")
        + ("" if synthetic.views is None else _VIEWED),
        "lr": float(str(np.float32(synthetic.lr))),
        "shape": list(synthetic.images.shape),
        "classes": int(synthetic.labels.shape[1]),
        "encoding": encoding(synthetic.images),
        "metadata": synthetic.metadata or {},
    }


def write(
    directory: str | Path, synthetic: SyntheticSet, zca: str | Path | None = None
) -> None:
    """Writes `images/*.png`, `labels.csv`, `metadata.json` and, of views, `views.npz`.

    A row of `labels.csv` is `file, label, p0, p1, ...`: the class of the image and the
    probability of each; nine digits, so that `f32` comes back as it was. The folder
    appears whole or not at all.

    Args:
      directory: a folder that does not exist yet, or is empty.
      synthetic: images of one or three channels; clipped to [0, 1], then 8 bits.
      zca: the `zca.npz` of a set that networks see through ZCA; copied.

    Raises:
      InputError: the folder holds something, another number of channels, or no `zca`
        for a set that needs it.
    """
    root = Path(directory).absolute()
    check(root, synthetic, zca)
    part = root.with_name(f".{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "images").mkdir(parents=True)
    digits = len(str(len(synthetic.images) - 1))
    files = [f"images/{i:0{digits}}.png" for i in range(len(synthetic.images))]
    for file, image in zip(files, quantise(synthetic.images)):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
            part / file
        )
    with (part / "labels.csv").open("w", newline="") as target:
        table = csv.writer(target)
        classes = range(synthetic.labels.shape[1])
        table.writerow(["file", "label", *(f"p{c}" for c in classes)])
        numbers = np.asarray(synthetic.image_classes)
        for file, number, row in zip(files, numbers, np.asarray(synthetic.labels)):
            table.writerow([file, number, *(f"{p:.9g}" for p in row)])
    about = describe(synthetic)
    about["metadata"] = about["metadata"] | {"clamped": True}
    text = json.dumps(about, indent=1, sort_keys=True)
    (part / "metadata.json").write_text(text + "\n")
    if zca:
        shutil.copyfile(zca, part / "zca.npz")
    if synthetic.views is not None:
        write_npz(part / VIEWS, views=np.float32(synthetic.views))
    part.replace(root)


def check(directory: Path, synthetic: SyntheticSet, zca: str | Path | None) -> None:
    """Refuses what cannot be exported there.

    Raises:
      InputError: the folder holds something, images have neither 1 nor 3 channels, or
        the set needs a `zca.npz` that is not there.
    """
    if whitened(synthetic) and not (zca and Path(zca).is_file()):
        raise InputError(
            f"{directory}: networks see the set through ZCA, and its zca.npz is not "
            f"{'at ' + str(zca) if zca else 'given'}"
        )
    pixels = math.prod(synthetic.images.shape[1:])
    if zca and (size := read_zca(zca).mean.size) != pixels:
        raise InputError(f"{zca} is for images of {size} values, not {pixels}")
    channels = synthetic.images.shape[-1]
    if channels not in MODES:
        raise InputError(
            f"{directory}: images of {channels} channels do not fit PNG; 1 or 3 are "
            "needed"
        )
    empty = directory.is_dir() and not any(directory.iterdir())
    if directory.exists() and not empty:
        raise InputError(f"{directory} exists already; give a new or empty folder")
