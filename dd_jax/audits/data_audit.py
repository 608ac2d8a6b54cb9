"""Audit of the data themselves: what should be mended before anything is trained."""

from dd_jax.audits import duplicate_rows
from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.data.class_counts import class_counts, group_counts, imbalance
from dd_jax.data.duplicates import (
    CORRELATION,
    Duplicates,
    compared,
    exact_duplicates,
    near_duplicates,
)
from dd_jax.data.image_facts import constant_images, grey_images, size_facts
from dd_jax.data.small_images import SIDE
from dd_jax.report.data_advice import advice
from dd_jax.types import Dataset, Split


def measure(context: Context) -> dict:
    """Counts, sizes, duplicates and the like of all rows that a run uses.

    Leaves `duplicate_rows.csv` where there are any, which names the rows.

    Returns:
      `classes`, see `class_counts`; `imbalance` of train; `groups`, see `group_counts`,
      where there are any; `images {height, width, channels, constant, grey}` and
      `size_facts`; `duplicates {exact, near}`, by split `{rows, other_label}`, all as
      against train; `compared {side, correlation}`, how the near ones were found;
      `ipc`, unless the set is loaded.
    """
    data = context.dataset
    classes = class_counts(_splits(data), data.class_names)
    found = {
        "classes": classes,
        "imbalance": imbalance([row["train"] for row in classes]),
        "images": _images(data),
        "duplicates": _duplicates(context),
        "compared": {"side": SIDE, "correlation": CORRELATION},
    }
    if data.train.groups is not None:
        found["groups"] = group_counts(_splits(data), len(data.class_names))
    if context.shadows:  # not of a loaded set, whose size is as it is
        found["ipc"] = context.ipc
    return found


def advise(context: Context) -> list[str]:
    """What the numbers say, a line each, before anything is trained."""
    return advice(measure(context))


def _splits(data: Dataset) -> dict[str, Split]:
    held_out = {"validation": data.validation} if data.validation else {}
    return {"train": data.train} | held_out | {"test": data.test}


def _images(data: Dataset) -> dict:
    _, height, width, channels = data.train.images.shape
    count = lambda of: sum(int(of(s.images).sum()) for s in _splits(data).values())
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "constant": count(constant_images),
        "grey": count(grey_images),
    } | size_facts(data.sizes, height, width)


def _duplicates(context: Context) -> dict:
    splits = _splits(context.dataset)
    kept = context.cached("duplicates", lambda: _searched(splits), "data")
    found = {
        kind: {split: Duplicates(**of) for split, of in by_split.items()}
        for kind, by_split in kept.items()
    }
    counts = {
        kind: {split: of.counts() for split, of in by_split.items()}
        for kind, by_split in found.items()
    }
    if any(of["rows"] for by_split in counts.values() for of in by_split.values()):
        context.save("duplicate_rows.csv", duplicate_rows.table(found, splits))
    return counts


def _searched(splits: dict[str, Split]) -> dict:
    """The search itself, of the pixels alone, and what takes longest."""
    rows = {name: compared(split) for name, split in splits.items()}
    train = rows.pop("train")
    held_out = {"train": None} | rows
    return {
        kind: {split: find(train, of)._asdict() for split, of in held_out.items()}
        for kind, find in (("exact", exact_duplicates), ("near", near_duplicates))
    }


AUDIT = Audit("data", no_check, measure, advise=advise)
