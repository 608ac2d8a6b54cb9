"""Labels as numbers 0, 1, ... of the classes that have images, and their names."""

import unicodedata
from itertools import count, islice

import numpy as np

from dd_jax.types import InputError, Split

_LONGEST_NAME = 255  # characters
_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of characters, lines
_TURNS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # reading order


def used_classes(
    train: Split, test: Split, names: tuple[str, ...] | None, where: str
) -> tuple[Split, Split, tuple[str, ...], tuple[str, ...]]:
    """Leaves out classes without images, so that labels run from 0 without gaps.

    Label `i` is class `names[i]`, or `names[i - 1]` where that is the only reading:
    the lowest label is above 0 and the highest is the number of names.

    Args:
      train: a checked split.
      test: a checked split.
      names: of all classes that the source declares; None names them by their labels.
      where: the source, which an error message names.

    Returns:
      Both splits with new labels, the names of the classes that are left, and notes.

    Raises:
      InputError: a label without a name, or a name that is not one line of text.
    """
    if odd := [name for name in names or () if not is_class_name(name)]:
        raise InputError(
            f"{where} has the class name {ascii(odd[0])[:80]}; names of one line, 1 to "
            f"{_LONGEST_NAME} characters, are needed"
        )
    used = np.union1d(train.labels, test.labels)
    lowest, highest = int(used[0]), int(used[-1])
    first = int(names is not None and lowest > 0 and highest == len(names))
    if names is not None and highest >= len(names) + first:
        split = "train" if highest in train.labels else "test"
        raise InputError(
            f"{where} {split} has label {highest} but only {len(names)} classes; "
            f"labels 0 to {len(names) - 1} are expected"
        )
    name = lambda label: str(label) if names is None else names[label - first]
    notes = []
    if first:
        notes.append(f"labels count from 1, as there are {len(names)} class names")
    declared = highest + 1 if names is None else len(names)
    if (unused := declared - len(used)) > 0:
        present = set(used.tolist())
        some = islice((i for i in count(first) if i not in present), min(unused, 5))
        listed = ", ".join(repr(name(label)) for label in some)
        more = f" and {unused - 5} more" if unused > 5 else ""
        notes.append(f"left out classes without images: {listed}{more}")
    numbered = lambda split: split._replace(
        labels=np.searchsorted(used, split.labels).astype(np.int32)
    )
    kept = tuple(name(label) for label in used.tolist())
    return numbered(train), numbered(test), kept, tuple(notes)


def is_class_name(text: str) -> bool:
    r"""Whether a text can name a class: one line that shows its characters in order.

    >>> [is_class_name(name) for name in ("cat", "two\nlines", " ", "a\u202eb")]
    [True, False, False, False]
    """
    kinds = {unicodedata.category(character) for character in text[:_LONGEST_NAME]}
    short = bool(text.strip()) and len(text) <= _LONGEST_NAME
    return short and not (_TURNS & set(text) or _CONTROLS & kinds)


def decode_name(name: object, where: str) -> str:
    """A class name as text; bytes are UTF-8.

    >>> decode_name(b"cat", "here"), decode_name(7, "here")
    ('cat', '7')

    Raises:
      InputError: bytes that are not UTF-8.
    """
    if not isinstance(name, bytes):
        return str(name)
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise InputError(
            f"{where}: class name {bytes(name)!r} is not UTF-8 text"
        ) from None
