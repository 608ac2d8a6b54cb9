"""Training rows thinned so that some classes have fewer than others."""

from collections.abc import Sequence

import numpy as np

from dd_jax.types import InputError


def class_shares(kind: str, ratio: float, classes: int) -> np.ndarray:
    """Rows of each class over those of the largest.

    `long_tail`: `ratio^(-c / (k - 1))`; `step`: 1 for the first half of the classes and
    `1 / ratio` for the others, which are fewer by one where k is odd.

    Args:
      kind: `long_tail` or `step`.
      ratio: rows of the largest class over those of the smallest, at least 1.
      classes: k, at least 2.

    Returns:
      `f64[k]` in (0, 1].

    Sources: Cui, Jia, Lin, Song and Belongie, "Class-balanced loss", 2019 (long tail);
    Buda, Maki and Mazurowski, "A systematic study of the class imbalance problem",
    2018 (step).

    >>> class_shares("long_tail", 100, 3).tolist(), class_shares("step", 4, 3).tolist()
    ([1.0, 0.1, 0.01], [1.0, 1.0, 0.25])
    """
    c = np.arange(classes)
    if kind == "long_tail":
        return np.float64(ratio) ** (-c / (classes - 1))
    return np.where(2 * c > classes - 1, 1 / ratio, 1.0)


def imbalanced_rows(
    seed: int,
    labels: np.ndarray,
    kind: str,
    ratio: float,
    where: str,
    names: Sequence[str],
) -> np.ndarray:
    """The rows that are kept of an imbalanced training set.

    `n_c = floor(n share_c)`, see `class_shares`, with the largest n for which every
    class has enough rows: the rows of a class where all have the same number. The rows
    of a smaller ratio hold those of a larger one.

    Args:
      seed: the same seed and labels give the same rows.
      labels: `i32[n]` in 0 .. k - 1.
      kind: `long_tail` or `step`.
      ratio: rows of the largest class over those of the smallest, at least 1.
      where: the place that an error message names.
      names: of the k classes.

    Returns:
      Row numbers, ascending.

    Raises:
      InputError: a class is left without rows.
    """
    shares = class_shares(kind, ratio, len(names))
    most = (np.bincount(labels, minlength=len(names)) / shares).min()
    counts = np.floor(np.round(most * shares, 6)).astype(int)  # 4.9999999 is 5
    if not counts.all():
        c = int(counts.argmin())
        raise InputError(
            f"data.imbalance={kind} at data.imbalance_ratio={ratio:g} leaves class "
            f"{names[c]!r} of {where} empty; lower the ratio"
        )
    rng = np.random.default_rng(seed)
    of_class = (rng.permutation(np.flatnonzero(labels == c)) for c in range(len(names)))
    return np.sort(np.concatenate([rows[:n] for rows, n in zip(of_class, counts)]))
