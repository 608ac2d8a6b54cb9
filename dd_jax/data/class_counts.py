"""How many rows each class and each group has, and how uneven the classes are."""

from collections.abc import Mapping, Sequence

import numpy as np

from dd_jax.types import Split


def class_counts(
    splits: Mapping[str, Split], class_names: Sequence[str]
) -> list[dict[str, str | int]]:
    """Rows of each class by split.

    Args:
      splits: name -> rows with labels `i32[n]` in 0 .. k - 1.
      class_names: k names.

    Returns:
      `{name, SPLIT: rows, ...}` of each class.

    >>> split = Split(np.zeros((3, 1, 1, 1), np.uint8), np.array([0, 1, 1]))
    >>> class_counts({"train": split}, ("cat", "dog"))
    [{'name': 'cat', 'train': 1}, {'name': 'dog', 'train': 2}]
    """
    counts = {
        part: np.bincount(split.labels, minlength=len(class_names)).tolist()
        for part, split in splits.items()
    }
    return [
        {"name": name} | {part: of_part[label] for part, of_part in counts.items()}
        for label, name in enumerate(class_names)
    ]


def group_counts(
    splits: Mapping[str, Split], classes: int
) -> list[dict[str, int | list[int]]]:
    """Rows of each group and class by split.

    Args:
      splits: name -> rows with groups `i32[n]`.
      classes: number of classes, k.

    Returns:
      `{group, SPLIT: rows of class 0 .. k - 1, ...}` of each group that has rows.
    """
    groups = np.unique(np.concatenate([split.groups for split in splits.values()]))

    def of(split: Split, group: int) -> list[int]:
        labels = split.labels[split.groups == group]
        return np.bincount(labels, minlength=classes).tolist()

    return [
        {"group": group} | {part: of(split, group) for part, split in splits.items()}
        for group in groups.tolist()
    ]


def imbalance(counts: Sequence[int]) -> dict[str, float]:
    """How uneven classes are.

    `ratio = max n_c / min n_c`; `effective_classes = (sum n_c)^2 / sum n_c^2`, which is
    k where all are equal and 1 where one has all rows.

    Args:
      counts: rows of each class, above 0.

    Source: Hill, "Diversity and evenness", 1973 (the number of order 2); the ratio as
    in Cui, Jia, Lin, Song and Belongie, "Class-balanced loss", 2019.

    >>> imbalance([30, 30, 60])
    {'ratio': 2.0, 'effective_classes': 2.6666666666666665}
    """
    n = np.asarray(counts, np.float64)
    effective = n.sum() ** 2 / np.square(n).sum()
    return {"ratio": float(n.max() / n.min()), "effective_classes": float(effective)}
