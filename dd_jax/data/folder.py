"""A directory of image files, one sub-directory a class."""

import math
from collections import Counter
from pathlib import Path

import numpy as np

from dd_jax.data import layout
from dd_jax.data.folder_names import composed
from dd_jax.data.image_file import composite, open_image, to_grey_or_rgb, transparent
from dd_jax.data.layout import ImageFiles
from dd_jax.data.raw import Raw, count_sizes, stack_images
from dd_jax.data.splits import stratified_split
from dd_jax.system.memory import format_bytes, free
from dd_jax.system.paths import expanded, no_folder
from dd_jax.types import InputError, Split

_LOOK = 2**26  # bytes of pixels after which the free memory is looked at again
_NAMED = 20  # files in a message


def read(place: str, image_size: int | None, seed: int, background: str) -> Raw:
    """Reads `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*` split 80/20 by class.

    Images may lie in folders inside of the class folders too. Without `test` its place
    is taken by `val`, also with a table of classes as in Tiny ImageNet. Classes are
    numbered in the order of their names, numbers by value. Images are one channel if
    all files are grey, else RGB; rotated as their metadata state; of several frames,
    the first.

    Args:
      place: the directory; holds files of any kind that Pillow reads.
      image_size: side in pixels that images of several sizes are resized to.
      seed: of the 80/20 split; unused where train and test exist.
      background: colour that shows through transparent pixels, or `refuse`.

    Raises:
      InputError: no directory, no classes, one without images, an unreadable file,
        images of several sizes without `image_size`, transparent pixels without a
        background, or classes of test that train lacks.
    """
    root = expanded(place)
    if why := no_folder(root):
        raise InputError(
            f"folder: {root}: {why}; it should hold train/CLASS/*.png and "
            "test/CLASS/*.png, or CLASS/*.png"
        )
    if found := layout.splits(root):
        return _presplit(root, *found, image_size, background)
    names = layout.class_names(root)
    listed = layout.images_of(root, names)
    arrays, notes = _decoded(listed.files, background)
    images, labels = stack_images(arrays, image_size, str(root)), _labels(listed, names)
    train, test = stratified_split(seed, labels, 0.2, str(root), names)
    return Raw(
        Split(images[train], labels[train]),
        Split(images[test], labels[test]),
        names,
        _found([listed], [root]) + notes,
        count_sizes(arrays),
    )


def _presplit(
    root: Path,
    train_folder: Path,
    tests: list[Path],
    image_size: int | None,
    background: str,
) -> Raw:
    names = layout.class_names(train_folder)
    train = layout.images_of(train_folder, names)
    test_folder, test = _test(train_folder, tests, names)
    arrays, notes = _decoded(train.files + test.files, background)
    images, n = stack_images(arrays, image_size, str(root)), len(train.files)
    used = (train_folder.name, test_folder.name)
    unused = [name for name in layout.folders(root) if name not in used]
    if unused or test_folder.name != "test":
        notes = (f"test images are those of {test_folder.name}/", *notes)
    if unused:
        shown = ", ".join(f"{repr(name)[1:-1]}/" for name in unused)
        notes = (f"left out {shown}", *notes)
    return Raw(
        Split(images[:n], _labels(train, names)),
        Split(images[n:], _labels(test, names)),
        names,
        _found([train, test], [train_folder, test_folder, root]) + notes,
        count_sizes(arrays),
    )


def _test(
    train_folder: Path, tests: list[Path], names: tuple[str, ...]
) -> tuple[Path, ImageFiles]:
    """The first folder whose images have classes, and these images."""
    for place in tests:
        if set(layout.folders(place)) & set(names):
            break
        if listed := layout.annotated_images(place):
            _check_known(set(listed.classes), place, train_folder, names)
            return place, listed
    else:
        place = tests[0]
    found = layout.class_names(place)
    _check_known(set(found), place, train_folder, names)
    return place, layout.images_of(place, found)


def _check_known(
    found: set[str], place: Path, train_folder: Path, names: tuple[str, ...]
) -> None:
    if extra := sorted(found - set(names)):
        known = {composed(name): name for name in names}
        if alike := known.get(composed(extra[0])):
            raise InputError(
                f"class {ascii(extra[0])} in {place} is {ascii(alike)} in "
                f"{train_folder}, the same name in another Unicode form; rename one"
            )
        raise InputError(
            f"class {extra[0]!r} is in {place} but not in {train_folder}; "
            "both should hold the same classes"
        )


def _labels(listed: ImageFiles, names: tuple[str, ...]) -> np.ndarray:
    number = {name: label for label, name in enumerate(names)}
    return np.array([number[name] for name in listed.classes], np.int32)


def _found(listed: list[ImageFiles], roots: list[Path]) -> tuple[str, ...]:
    """What was found elsewhere than in `CLASS/*`, and what was not read."""
    kinds = sum((each.unread for each in listed), Counter())
    files = {path for each in listed for path in each.files}
    loose = len(set().union(*map(layout.loose_images, roots)) - files)
    deep = sum(path.parents[1] not in roots for path in files)
    links = sum(len(each.links) for each in listed)
    dead = sum(len(layout.dead_links(root)) for root in roots)
    notes = []
    if kinds:
        notes.append(
            f"left out {layout.count_suffixes(kinds)}: no images that Pillow reads"
        )
    if deep:
        notes.append(f"read from folders inside of class folders: {deep} images")
    if loose:
        notes.append(f"left out {loose} images beside the class folders: no class")
    if links:
        notes.append(f"left out {links} links to folders inside of class folders")
    if dead:
        notes.append(f"left out {dead} links that lead nowhere beside class folders")
    return tuple(notes)


def _decoded(
    files: list[Path], background: str
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Images `u8[h w c]` with the same channels, and what was done to them."""
    images = []
    done: Counter[str] = Counter()
    refused: dict[Path, InputError] = {}
    see_through = None
    held = seen = 0
    for path in files:
        try:
            image, words = open_image(path)
        except InputError as error:
            refused[path] = error
            continue
        held += math.prod(image.size) * len(image.getbands())
        if held > seen + _LOOK:  # they are copied once more into one array
            seen, left = held, free()
            if held > left:
                raise InputError(
                    f"{path.parent}: the first {len(images) + 1} of {len(files)} "
                    f"images take {format_bytes(held)} of memory, and "
                    f"{format_bytes(left)} are free; make them smaller"
                )
        done.update(words)
        if transparent(image):
            if background == "refuse":
                see_through = see_through or path
                continue
            image = composite(background, image, path)
            done[f"laid on {background}, which shows through transparent pixels"] += 1
        images.append(to_grey_or_rgb(image))
    if refused:
        raise _of_all(refused)
    if see_through:
        raise InputError(
            f"{see_through} has transparent pixels; set data.background to the colour "
            "that shows through, such as white or black"
        )
    grey = all(image.mode == "L" for image in images)
    arrays = [np.asarray(i if grey else i.convert("RGB")) for i in images]
    notes = tuple(
        f"{words}: {count} of {len(files)} images" for words, count in done.items()
    )
    return [a[..., None] if a.ndim == 2 else a for a in arrays], notes


def _of_all(refused: dict[Path, InputError]) -> InputError:
    """One error that names each file that was refused."""
    first, *others = refused
    if not others:
        return refused[first]
    named = ", ".join(repr(str(path))[1:-1] for path in others[:_NAMED])
    more = len(others) - _NAMED
    return InputError(
        f"{refused[first]}; {len(others)} more cannot be read either: {named}"
        + (f" and {more} more" if more > 0 else "")
    )
