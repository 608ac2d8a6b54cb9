"""A directory of image files, one sub-directory a class."""

from pathlib import Path

import numpy as np
from PIL import Image

from dd_jax.data.raw import Raw, stack
from dd_jax.data.splits import stratified_split
from dd_jax.paths import IS_FILE, NOTHING, check_text, expanded, no_file, no_folder
from dd_jax.types import InputError, Split

_SUFFIXES = (".png", ".jpg", ".jpeg")
_TOO_LARGE = Image.DecompressionBombError
_GRAY_MODES = ("1", "L", "LA")


def read(directory: str, image_size: int | None, seed: int) -> Raw:
    """Reads `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*` split 80/20 by class.

    Classes are numbered in the order of their names. Images are one channel if all
    files are grayscale, else RGB.

    Args:
      directory: holds png, jpg or jpeg files.
      image_size: side in pixels that images of several sizes are resized to.
      seed: of the 80/20 split; unused where `train` and `test` exist.

    Raises:
      InputError: no directory, no classes, an unreadable file, images of several
        sizes without `image_size`, or classes of test that train lacks.
    """
    root = expanded(directory)
    if why := no_folder(root):
        raise InputError(
            f"folder: {root}: {why}; it should hold train/CLASS/*.png and "
            "test/CLASS/*.png, or CLASS/*.png"
        )
    if (root / "train").is_dir():
        return _presplit(root, image_size)
    names = _classes(root)
    files, labels = _list(root, names)
    images = stack(_decode(files), image_size, str(root))
    train, test = stratified_split(seed, labels, 0.2, str(root))
    return Raw(
        Split(images[train], labels[train]), Split(images[test], labels[test]), names
    )


def _presplit(root: Path, image_size: int | None) -> Raw:
    if not (root / "test").is_dir():
        raise InputError(f"{root} has train/ but no test/; add test/CLASS/*.png")
    names = _classes(root / "train")
    extra = sorted(set(_classes(root / "test")) - set(names))
    if extra:
        raise InputError(
            f"class {extra[0]!r} is in {root / 'test'} but not in {root / 'train'}; "
            "both should hold the same classes"
        )
    train, train_labels = _list(root / "train", names)
    test, test_labels = _list(root / "test", names)
    images = stack(_decode(train + test), image_size, str(root))
    n = len(train)
    return Raw(Split(images[:n], train_labels), Split(images[n:], test_labels), names)


def _classes(root: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in root.iterdir() if _is_class(p))
    if not names:
        raise InputError(f"{root} has no class directories; it should hold CLASS/*.png")
    return tuple(names)


def _is_class(path: Path) -> bool:
    """Whether this is the folder of a class, not a file or a link to nothing.

    Raises:
      InputError: its name is no text, or the folder cannot be read.
    """
    why = no_folder(path)
    if path.name.startswith(".") or why in (IS_FILE, *NOTHING):
        return False
    check_text(path.name, f"class folder in {path.parent}: ")
    if why:
        raise InputError(f"class folder {path}: {why}")
    return True


def _list(root: Path, names: tuple[str, ...]) -> tuple[list[Path], np.ndarray]:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = sorted(
            p for p in (root / name).iterdir() if p.suffix.lower() in _SUFFIXES
        )
        files += found
        labels += [label] * len(found)
    return files, np.array(labels, np.int32)


def _decode(files: list[Path]) -> list[np.ndarray]:
    images = [_open(path) for path in files]
    gray = all(image.mode in _GRAY_MODES for image in images)
    converted = (np.asarray(image.convert("L" if gray else "RGB")) for image in images)
    return [a[..., None] if a.ndim == 2 else a for a in converted]


def _open(path: Path) -> Image.Image:
    if why := no_file(path):
        raise InputError(
            f"{path} is not a readable image ({why}); replace or remove it"
        )
    try:
        with Image.open(path) as image:
            image.load()
            found = image.copy()
    except (OSError, SyntaxError, ValueError, _TOO_LARGE) as error:
        raise InputError(
            f"{path} is not a readable image; replace or remove it"
        ) from error
    if found.mode[0] in "IF":
        raise InputError(
            f"{path} has pixels of mode {found.mode}; 8 bits per channel are needed"
        )
    return found
