"""Which files of a directory are images of which class."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from dd_jax.data.folder_names import composed, natural_order
from dd_jax.data.image_file import suffixes
from dd_jax.data.splits import TEST_NAMES, TRAIN_NAMES
from dd_jax.system.paths import IS_FILE, NOTHING, check_text, no_file, no_folder
from dd_jax.types import InputError

_LEFTOVERS = {  # of other systems; names that start with a dot are left out as well
    "__macosx",
    "__pycache__",
    "$recycle.bin",
    "@eadir",
    "#recycle",
    "cvs",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "network trash folder",
    "recycled",
    "recycler",
    "system volume information",
    "temporary items",
    "thumbs.db",
}


class ImageFiles(NamedTuple):
    """Image files and the class of each.

    Attributes:
      files: paths, class by class.
      classes: the name of each file's class.
      unread: suffix -> number of files that Pillow reads no image from.
      links: links to folders, which are not followed.
    """

    files: list[Path]
    classes: list[str]
    unread: Counter[str]
    links: list[Path]


def folders(root: Path) -> list[str]:
    """Names of the folders in a directory, in order, without leftovers.

    Links back to the directory, or to one that it lies in, are no folders of it.
    """
    found = (p for p in root.iterdir() if no_folder(p) not in (IS_FILE, *NOTHING))
    names = [p.name for p in found if not (_leftover(p.name) or _leads_back(p))]
    return natural_order(names)


def splits(root: Path) -> tuple[Path, list[Path]] | None:
    """The folders of train and of what may be test; None where there are just classes.

    Beside other folders, those of such names are classes if all they hold is files.

    Raises:
      InputError: only one of train and test.
    """
    found = {name.lower(): root / name for name in folders(root)}
    train = [found[name] for name in TRAIN_NAMES if name in found]
    tests = [found[name] for name in TEST_NAMES if name in found]
    named = train + tests
    if len(named) < len(found) and not any(map(folders, named)):
        return None
    for part, others, lacking in (
        (train, tests, "train"),
        (tests, train, "test"),
    ):
        if others and not part:
            raise InputError(
                f"{root} has {others[0].name}/ but no {lacking}/; "
                f"add {lacking}/CLASS/*.png"
            )
    return (train[0], tests) if train else None


def class_names(root: Path) -> tuple[str, ...]:
    """Names of the class folders of a directory, in order.

    Raises:
      InputError: there are none, one has a name that is no text, or cannot be read, or
        two have one name.
    """
    names = folders(root)
    if not names:
        raise InputError(f"{root} has no class directories; it should hold CLASS/*.png")
    written: dict[str, str] = {}
    for name in names:
        check_text(name, f"class folder in {root}: ")
        if (other := written.setdefault(composed(name), name)) != name:
            raise InputError(
                f"class folders {ascii(other)} and {ascii(name)} in {root} have one "
                "name in two Unicode forms; move their images into one of them"
            )
        if why := no_folder(root / name):
            raise InputError(f"class folder {root / name}: {why}")
    return tuple(names)


def images_of(root: Path, names: tuple[str, ...]) -> ImageFiles:
    """The image files in `root/NAME` and in folders inside of it.

    Raises:
      InputError: a class folder without any, or folders in it that may be the classes.
    """
    listed = ImageFiles([], [], Counter(), [])
    parents: dict[str, str] = {}
    for name in names:
        found, others, links = _images(root / name)
        if not found:
            held = f" but {count_suffixes(others)}" if others else ""
            held += f" but {len(links)} links to folders" if links else ""
            raise InputError(
                f"class folder {root / name} holds no images{held}; add some, or "
                "remove it"
            )
        for branch in _branches(root / name, found):
            if (other := parents.setdefault(branch, name)) != name:
                raise InputError(
                    f"{root / name} and {root / other} both hold images in a folder "
                    f"{branch!r} and beside it; they should be in CLASS/*.png or in "
                    "CLASS/images/*.png"
                )
        listed.files.extend(found)
        listed.classes.extend([name] * len(found))
        listed.unread.update(others)
        listed.links.extend(links)
    return listed


def _branches(root: Path, files: list[Path]) -> set[str]:
    """Folders below a class folder that have images, as have their neighbours."""
    inside: dict[tuple, set[str]] = {}
    for *parents, _ in {path.relative_to(root).parts for path in files}:
        for depth, name in enumerate([*parents, ""]):
            inside.setdefault(tuple(parents[:depth]), set()).add(name)
    return set().union(*(names for names in inside.values() if len(names) > 1)) - {""}


def annotated_images(root: Path) -> ImageFiles | None:
    """The image files of a folder with a table of their classes, as Tiny ImageNet's.

    Rows of `*_annotations.txt` are `FILE CLASS ...`, apart by tabs; files are in
    `images/` or beside the table. None where there is no table.

    Raises:
      InputError: a table that is none, or of other files than there are.
    """
    tables = (p for p in sorted(root.glob("*_annotations.txt")) if p.name[0] != ".")
    table = next(tables, None)
    if table is None:
        return None
    if why := no_file(table):
        raise InputError(f"{table} is no table: {why}")
    try:
        rows = [line.split("\t") for line in table.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{table} is no table: {error}") from None
    rows = [row for row in rows if row != [""]]
    if bad := [row for row in rows if len(row) < 2]:
        raise InputError(f"{table}: rows of file, class are needed, not {bad[0][0]!r}")
    if twice := [
        n for n, count in Counter(row[0] for row in rows).items() if count > 1
    ]:
        raise InputError(f"{table} names {twice[0]!r} twice; a file has one class")
    found, unread, links = _images(root)
    known = {path.name: path for path in found}
    if alike := [path for path in found if known[path.name] != path]:
        raise InputError(
            f"{table} identifies files by name, and there are {alike[0]} and "
            f"{known[alike[0].name]}; keep one"
        )
    if absent := [row[0] for row in rows if row[0] not in known]:
        raise InputError(f"{table} names {absent[0]!r}, which is not in {root}")
    if rows and (extra := sorted(set(known) - {row[0] for row in rows})):
        raise InputError(f"{table} does not name {extra[0]}, which is in {root}")
    files, classes = [known[row[0]] for row in rows], [row[1] for row in rows]
    return ImageFiles(files, classes, unread, links)


def count_suffixes(kinds: Counter[str]) -> str:
    """Numbers of files by suffix, on one line.

    >>> count_suffixes(Counter({".txt": 2, "": 1}))
    '2 .txt, 1 without suffix'
    """
    shown = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))[:5]
    words = [f"{n} {repr(kind)[1:-1] or 'without suffix'}" for kind, n in shown]
    rest = kinds.total() - sum(n for _, n in shown)
    return ", ".join(words + [f"{rest} others"] * (rest > 0))


def loose_images(root: Path) -> set[Path]:
    """Image files that lie beside class folders, in none of them."""
    paths = (p for p in root.iterdir() if p.is_file() and not _leftover(p.name))
    return {path for path in paths if path.suffix.lower() in suffixes()}


def dead_links(root: Path) -> list[Path]:
    """Links beside class folders that lead nowhere, or in a circle."""
    links = (p for p in root.iterdir() if p.is_symlink() and not _leftover(p.name))
    return [path for path in links if no_folder(path) in NOTHING]


def _images(root: Path) -> tuple[list[Path], Counter[str], list[Path]]:
    """Image files below a folder in order, suffixes of others, links to folders."""
    found: list[Path] = []
    others: Counter[str] = Counter()
    links: list[Path] = []
    for place, inner, names in os.walk(root, onerror=_refuse):
        inner[:] = [name for name in inner if not _leftover(name)]
        links += (path for name in inner if (path := Path(place, name)).is_symlink())
        for path in (Path(place, name) for name in names if not _leftover(name)):
            if path.suffix.lower() in suffixes():
                found.append(path)
            else:
                others[path.suffix.lower()] += 1
    return sorted(found), others, links


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}")


def _leads_back(path: Path) -> bool:
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def _leftover(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFTOVERS
