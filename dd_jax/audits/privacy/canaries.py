"""Canaries: rows that are easily memorised, inserted before distillation.

An average over ordinary rows hides the most vulnerable ones. Canaries replace ordinary
rows; each is in the training data of half of the models.

Source: Aerni, Zhang and Tramer 2024, "Evaluations of machine learning privacy defenses
are misleading", section 4.

Differs from the paper in: several kinds side by side, not the one that suits a defence.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dd_jax.audits.privacy.el2n import hardest
from dd_jax.catalogue.rules import CANARIES as KINDS
from dd_jax.data import membership_masks
from dd_jax.types import InputError, Split

PUBLISHED = {"audit_rows": 500, "shadows": 32}  # Zhao and Zhang 2025, worst case
COPIES = 4  # of a duplicated row, the row itself included
COPIED = tuple(map(KINDS.index, ("duplicated", "near_duplicate")))  # several rows each
NEAR = 4  # by which a near-duplicate differs in each value at most, of 255


class CanaryDataset(NamedTuple):
    """Training rows with canaries among them.

    Attributes:
      split: the n rows, some of them changed, then the copies of the duplicated ones.
      kind: `i64[n]`, index in `KINDS`, -1 for ordinary rows.
      source: `i64[n + copies]`, the row (of the n) that each row belongs to.
    """

    split: Split
    kind: np.ndarray
    source: np.ndarray


def insert_canaries(
    seed: int,
    split: Split,
    count: int,
    kinds: Sequence[str] = KINDS[:3],
    hardness: np.ndarray | None = None,
) -> CanaryDataset:
    """Turns rows into canaries, `count` of each of some kinds.

    | kind | rows | what becomes of them |
    |---|---|---|
    | `mislabelled` | random | they take the label of another class, uniformly |
    | `out_of_distribution` | random | they become uniform noise, with their label |
    | `duplicated` | random | three copies join each, so that there are 4 of it |
    | `near_duplicate` | random | so do copies with noise of at most 4 of 255 |
    | `hardest` | by `el2n.hardest`, of those that no other kind took | nothing |

    Args:
      seed: the same seed gives the same canaries.
      split: n rows, `u8[n h w c]` and `i32[n]`.
      count: canaries of each kind; 0 changes nothing.
      kinds: of `KINDS`, each once.
      hardness: `f64[n]`, such as `el2n.el2n`, for the kind `hardest`, which is left out
        where there is none.

    Returns:
      A `CanaryDataset`; `split` itself is not changed.

    Raises:
      InputError: canaries would be more than a quarter of the rows.
    """
    n, kinds = len(split.labels), [kind for kind in KINDS if kind in kinds]
    if count > (most := most_canaries(n, len(kinds))):
        raise InputError(
            f"audits.privacy.canaries={count} of each of {len(kinds)} kinds: with "
            f"{n} training images at most {most} are possible"
        )
    rng = np.random.default_rng(seed)
    drawn = [kind for kind in kinds if kind != "hardest"]
    chosen = dict(zip(drawn, rng.choice(n, (len(drawn), count), replace=False)))
    none = np.zeros(0, int)
    kind = np.full(n, -1)
    for name, rows in chosen.items():
        kind[rows] = KINDS.index(name)
    if "hardest" in kinds and hardness is not None:
        rows = hardest(hardness, split.labels, kind < 0, count)
        kind[rows] = KINDS.index("hardest")
    images, labels = split.images.copy(), split.labels.copy()
    _mislabel(rng, labels, chosen.get("mislabelled", none))
    noise = chosen.get("out_of_distribution", none)
    images[noise] = rng.integers(0, 256, images[noise].shape)
    again = lambda name: np.repeat(chosen.get(name, none), COPIES - 1)
    near = again("near_duplicate")
    source = np.concatenate([np.arange(n), again("duplicated"), near])
    arrays = images, labels, split.groups
    images, *others = (None if array is None else array[source] for array in arrays)
    if len(near):
        images[-len(near) :] = _near(rng, images[-len(near) :])
    return CanaryDataset(Split(images, *others), kind, source)


def _mislabel(rng: np.random.Generator, labels: np.ndarray, rows: np.ndarray) -> None:
    """Gives rows the label of another class, in place."""
    if len(rows):
        classes = int(labels.max()) + 1
        offset = rng.integers(1, classes, len(rows))
        labels[rows] = (labels[rows] + offset) % classes


def _near(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """The same images with noise that is hardly seen."""
    noise = rng.integers(-NEAR, NEAR + 1, images.shape)
    return np.clip(images + noise, 0, 255).astype(images.dtype)


def most_canaries(rows: int, kinds: int) -> int:
    """Most canaries of each kind: a quarter of the rows in all, in two halves each.

    >>> most_canaries(90, 3)
    6
    """
    return rows // (4 * kinds) // 2 * 2


def canary_masks(
    seed: int,
    dataset: CanaryDataset,
    pairs: int,
    *,
    at_least: int,
    fixed_bulk: bool = False,
) -> np.ndarray:
    """Complementary halves of the ordinary rows and of every kind of canary.

    Ordinary rows are halved as in `membership_masks`, or with `fixed_bulk` given to
    every model; a kind of canary is halved whatever its classes, so that every model
    has the same number of rows, copies counted.

    Args:
      seed: the same seed gives the same masks.
      dataset: with an even number of canaries of each kind.
      pairs: number of pairs of models.
      at_least: ordinary rows of each class that every model must have.
      fixed_bulk: whether every model has all ordinary rows.

    Returns:
      `bool[2*pairs n]`; `[:, dataset.source]` adds the copies.

    Raises:
      InputError: a class is too small to give `at_least` rows to both sides, or to the
        bulk.
    """
    kind, labels = dataset.kind, dataset.split.labels[: len(dataset.kind)]
    member = np.zeros((2 * pairs, len(kind)), bool)
    ordinary = kind < 0
    if fixed_bulk:
        _require(np.bincount(labels[ordinary], minlength=labels.max() + 1), at_least)
        member[:, ordinary] = True
    else:
        member[:, ordinary] = membership_masks(
            seed, labels[ordinary], pairs, at_least=at_least
        )
    for k in np.unique(kind[~ordinary]):
        seed_of_kind = int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        one_class = np.zeros(np.sum(kind == k), int)
        member[:, kind == k] = membership_masks(seed_of_kind, one_class, pairs)
    return member


def _require(ordinary: np.ndarray, at_least: int) -> None:
    if ordinary.min() < at_least:
        raise InputError(
            f"class {ordinary.argmin()} has {ordinary.min()} training images beside "
            f"canaries; at least {at_least} are needed"
        )
