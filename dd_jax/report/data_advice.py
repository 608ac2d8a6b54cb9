"""What to know of the data before training, in sentences, from the numbers of an audit.

Each says what was found, how much of it, and what to do.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from dd_jax.report.formats import rate

UNEVEN = 2.0  # largest class over smallest, from which a mean counts one class for two
FEW_REAL = 10  # training images for each synthetic one
FEW_TEST = 25  # images; an accuracy of half is then known to within 20 points
MOST_NAMES = 3  # of classes in a sentence
NOTHING = "Nothing to mend was found."
WORDS = {"train": "Training", "validation": "Validation", "test": "Test"}


def advice(part: dict[str, Any]) -> list[str]:
    """Sentences on the data: what makes results wrong first, then what makes them poor.

    Args:
      part: the part of a Record that the audit of the data wrote.

    Returns:
      A line each; one line, `NOTHING`, where there is nothing to say.
    """
    kinds = (
        _copies,
        _labels,
        _where,
        _uneven,
        _few_images,
        _few_evaluated,
        _groups,
        _images,
    )
    return [line for kind in kinds for line in kind(part)] or [NOTHING]


def _copies(part: dict) -> Iterator[str]:
    """Images that train holds too."""
    mend = {
        True: "Take them out of train: networks may be right on them from memory.",
        False: "Keep one of each: where one is trained on, the membership audit takes "
        "the other for unseen.",
    }
    for kind, words in (
        ("exact", "that are copies of {} training image"),
        ("near", "that look the same as {} training image"),
    ):
        for split in (*_splits(part)[1:], "train"):
            if rows := part["duplicates"][kind][split]["rows"]:
                held_out = split != "train"
                which = words.format("a" if held_out else "another")
                look = "" if kind == "exact" else "Look at them, some may differ. "
                found = _counted(part, split, which, rows)
                yield f"{found} {look}{mend[held_out]}"


def _where(part: dict) -> Iterator[str]:
    """Where these images are listed."""
    if any(of["rows"] for kind in part["duplicates"].values() for of in kind.values()):
        yield "The rows of these images are in duplicate_rows.csv, beside the Record."


def _labels(part: dict) -> Iterator[str]:
    """Images that train holds too, with another label."""
    for kind, words in (
        ("exact", "of which train has a copy with another label"),
        ("near", "that look the same as a training image with another label"),
    ):
        for split, of in part["duplicates"][kind].items():
            if of["other_label"]:
                found = _counted(part, split, words, of["other_label"])
                yield f"{found} Look at them: one of the labels may be wrong."


def _uneven(part: dict) -> Iterator[str]:
    ratio = part["imbalance"]["ratio"]
    least, *_, most = sorted(part["classes"], key=lambda row: row["train"])
    if ratio >= UNEVEN:
        yield (
            f"Uneven classes: {_name(most)} has {most['train']:,} training images, "
            f"{_name(least)} has {least['train']:,}, {ratio:.1f} times fewer. A "
            "synthetic set has as many of each: read the accuracy of each class beside "
            "the mean."
        )


def _few_images(part: dict) -> Iterator[str]:
    ipc = part.get("ipc") or 0
    if few := _below(part, "train", FEW_REAL * ipc):
        each = f"for each of their {ipc} synthetic ones"
        mend = "a lower distill.ipc saves more and may cost accuracy; or add images"
        if ipc == 1:
            each, mend = "for their synthetic one", "add images"
        yield (
            f"Classes with fewer than {FEW_REAL} training images {each}: {few}. Little "
            f"is saved there: {mend}."
        )


def _few_evaluated(part: dict) -> Iterator[str]:
    for split in _splits(part)[1:]:
        if few := _below(part, split, FEW_TEST):
            least = min(row[split] for row in part["classes"])
            within = 98 / math.sqrt(max(least, 1))  # 1.96 * sqrt(0.5 * 0.5 / n)
            yield (
                f"Classes with fewer than {FEW_TEST} {split} images: {few}. An "
                f"accuracy on {least} may be off by {within:.0f} points: add images, "
                "or draw no conclusion on these classes."
            )


def _groups(part: dict) -> Iterator[str]:
    for split in _splits(part):
        empty = [
            (row["group"], _name(of_class))
            for row in part.get("groups") or ()
            for rows, of_class in zip(row[split], part["classes"])
            if not rows
        ]
        if empty:
            group, name = empty[0]
            yield (
                f"Pairs of group and class without {WORDS[split].lower()} images: "
                f"{len(empty):,}, such as group {group} and {name}. No gap between "
                "groups is measured there: add images."
            )


def _images(part: dict) -> Iterator[str]:
    images, total = part["images"], sum(_rows(part, s) for s in _splits(part))
    size = f"{images['height']}x{images['width']}"
    if constant := images["constant"]:
        yield f"Images of one colour everywhere: {constant:,}. Remove them."
    if (grey := images["grey"]) == total:
        yield (
            f"All {total:,} images are grey and stored in colour. Store them with one "
            "channel: networks and synthetic sets get smaller."
        )
    elif grey:
        yield (
            f"Images that are grey and stored in colour: {grey:,} of {total:,}. Check "
            "that they are not of a few classes, which colour alone would then tell."
        )
    if enlarged := images["enlarged"]:
        yield (
            f"Images enlarged to {size}: {enlarged:,}, by up to "
            f"{images['largest_enlargement']:.1f} times. This adds no detail: set "
            "data.image_size nearer to their size, or leave them out."
        )
    if stretched := images["stretched"]:
        yield (
            f"Images of other proportions, stretched to {size}: {stretched:,}. Crop "
            "them or add margins before."
        )


def _splits(part: dict) -> list[str]:
    return [split for split in WORDS if split in part["classes"][0]]


def _rows(part: dict, split: str) -> int:
    return sum(row[split] for row in part["classes"])


def _name(row: dict) -> str:
    """A class by its name, said to be one where that is a number."""
    name = str(row["name"])
    return f"class {name}" if name.isdecimal() else name


def _counted(part: dict, split: str, words: str, rows: int) -> str:
    share = rate(rows / _rows(part, split))
    return f"{WORDS[split]} images {words}: {rows:,} ({share})."


def _below(part: dict, split: str, least: int) -> str:
    """Classes with fewer rows than a number, the smallest first; empty for none."""
    rows: Sequence[dict] = sorted(part["classes"], key=lambda row: row[split])
    few = [f"{_name(row)} ({row[split]:,})" for row in rows if row[split] < least]
    more = len(few) - MOST_NAMES
    return ", ".join(few[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
