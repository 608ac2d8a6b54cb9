"""Reads a synthetic set from a folder of PNG files, with checks of every file."""

import csv
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from dd_jax.data.image_file import (
    is_grey,
    open_image,
    size_of,
    to_grey_or_rgb,
    transparent,
)
from dd_jax.distill.io import metadata_checks
from dd_jax.distill.io.png_folder import MODES, VIEWS
from dd_jax.system.archive import read_npz
from dd_jax.system.memory import excess
from dd_jax.system.paths import no_file
from dd_jax.types import InputError, SyntheticSet

_PARSED = 16  # times that text is larger once it is a table or JSON


def read(directory: str | Path) -> SyntheticSet:
    """Reads what `png_folder.write` wrote; `storage.load` checks the numbers.

    Raises:
      InputError: a file is missing or is not what it should be.
    """
    root = Path(directory)
    for name in ("labels.csv", "metadata.json"):
        if not (root / name).is_file():
            raise InputError(f"{root} is not an exported synthetic set: no {name}")
        if not _inside(root, name):
            raise InputError(f"{root / name} is a link out of the folder of its set")
        stored = (root / name).stat().st_size
        if reason := excess(_PARSED * stored, stored):
            raise InputError(f"{root / name}: {reason}")
    rows, about = _rows(root), _about(root)
    try:
        labels = np.array([row[2:] or row[1] for row in rows]).astype(np.float32)
    except ValueError as error:
        raise InputError(f"{root / 'labels.csv'}: {error}") from None
    lr = about.get("lr")
    lr = lr if lr is None else np.float32(lr)
    arrays = _pixels(root, rows, about), labels, lr
    return SyntheticSet(
        *arrays, about["metadata"], _views(root), _classes(rows, labels)
    )


def _classes(rows: list[list[str]], labels: np.ndarray) -> np.ndarray | None:
    """The classes of a table with probabilities, where these do not say them."""
    stated = [row[1].strip() for row in rows]
    if labels.ndim < 2 or not all(map(str.isdecimal, stated)):
        return None
    classes = np.array(stated).astype(np.int32)
    return None if (classes == labels.argmax(1)).all() else classes


def _views(root: Path) -> np.ndarray | None:
    path = root / VIEWS
    if not (path.is_symlink() or path.exists()):
        return None
    if not _inside(root, VIEWS):
        raise InputError(f"{path} is a link out of the folder of its set")
    return read_npz(path, ("views",))["views"]


def check_whole(directory: str | Path, found: SyntheticSet) -> None:
    """Refuses a folder with fewer or other images than its metadata state.

    Args:
      directory: the folder.
      found: what `read` made of it.

    Raises:
      InputError: another number of images than in `shape`, or another size.
    """
    stated, shape = _about(Path(directory)).get("shape"), found.images.shape
    if not (isinstance(stated, list) and [type(n) for n in stated] == [int] * 4):
        return
    if stated[:3] != [*shape[:3]]:
        words = ["{} images of {} x {}".format(*each[:3]) for each in (stated, shape)]
        raise InputError(
            f"{directory}: metadata.json states {words[0]}, and labels.csv names "
            f"{words[1]}; copy the whole folder again, or remove shape if that is meant"
        )


def _rows(root: Path) -> list[list[str]]:
    """Rows `file, label, p0, ...` of the table, those without text left out."""
    path = root / "labels.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as source:
            table = [row for row in csv.reader(source) if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table: {error}") from None
    columns = len(table[0]) if table else 0
    if len(table) < 2 or columns < 2 or any(len(row) != columns for row in table):
        raise InputError(
            f"{path}: a header and rows of file, label, p0, p1, ... are needed"
        )
    head = [name.strip() for name in table[0]]
    known = [name for name in head[2:] if re.fullmatch("p[0-9]+", name)]
    if head[0].startswith("images/") or known != [f"p{c}" for c in range(len(known))]:
        raise InputError(
            f"{path} starts with {', '.join(head)[:80]!r}; the header file, label, p0, "
            "p1, ... is needed, with the classes in order"
        )
    return table[1:]


def _about(root: Path) -> dict:
    """What `metadata.json` says."""
    path = root / "metadata.json"
    try:
        about = metadata_checks.parse(path.read_text(encoding="utf-8-sig"))
        np.float32(about.get("lr") or 0), about["metadata"]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path}: JSON with lr and metadata is needed ({error!r})"
        ) from None
    return about


def _pixels(root: Path, rows: list[list[str]], about: dict) -> np.ndarray:
    """The images `f32[m h w c]` that a table names, with the channels of the set.

    Tools that save an image again may change its mode: grey is stored as RGB or as a
    palette, and RGB of grey values as grey. Such images are converted back.
    """
    named = {row[0]: _image(root, row[0]) for row in rows}
    files = [named[row[0]] for row in rows]
    sizes = {size_of(file) for file in set(files)}
    if len(sizes) > 1:
        raise InputError(f"{root}: images of several sizes; one is needed")
    decoded = len(files) * math.prod(*sizes) * 3 * 4  # of colour, as f32
    if reason := excess(decoded, sum(file.stat().st_size for file in set(files))):
        raise InputError(f"{root}: {reason}")
    images = [_open(file) for file in files]
    mode = _mode(images, about)
    for image, row in zip(images, rows):
        if mode == "L" and image.mode == "RGB" and not is_grey(image):
            raise InputError(
                f"{root / row[0]} has colours, and the set is grey; replace it"
            )
    pixels = np.stack([np.asarray(image.convert(mode)) for image in images])
    return np.float32(pixels if pixels.ndim == 4 else pixels[..., None]) / 255


def _mode(images: list[Image.Image], about: dict) -> str:
    """The mode that the folder states by `shape`, else that of most images."""
    try:
        return MODES[about["shape"][3]]
    except (KeyError, IndexError, TypeError):
        return Counter(image.mode for image in images).most_common(1)[0][0]


def _image(root: Path, name: str) -> Path:
    if not _inside(root, name):
        raise InputError(
            f"{root / 'labels.csv'} names {ascii(name)[:100]}, outside of its folder"
        )
    if no_file(root / name):
        raise InputError(f"{root / name} is missing or not a readable image")
    return root / name


def _inside(root: Path, name: str) -> bool:
    """Whether a name, followed through links, stays in a folder."""
    try:
        return (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, NUL
        return False


def _open(path: Path) -> Image.Image:
    image = open_image(path).image
    if transparent(image):
        raise InputError(f"{path} has transparent pixels; opaque ones are needed")
    return to_grey_or_rgb(image)
