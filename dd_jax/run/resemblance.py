"""The memorisation audit of a run: do its released images resemble training images."""

from typing import Any

import numpy as np

from dd_jax.audits import memorisation
from dd_jax.audits.nearest_neighbours import pixel_space, random_feature_spaces
from dd_jax.run.context import Parts
from dd_jax.runtime.keys import integer
from dd_jax.system import disk
from dd_jax.system.progress import shown
from dd_jax.types import SyntheticSet

NETWORKS = 3  # random feature spaces beside the pixels
GALLERY = 20  # synthetic images shown, one a class


def measure(parts: Parts, sets: SyntheticSet) -> dict[str, Any]:
    """Compares the first released set, and copies of real rows, with train and holdout.

    The holdout is the split that is judged; of train and holdout as many random rows
    are looked at. The copies, as many random rows of train as the set has images or all
    of them, show what the figures come to when every image is a training image. With
    `audits.memorisation.gallery`, writes `gallery.png`: synthetic | nearest in train |
    nearest in holdout, by pixels.

    Returns:
      `{distilled, copies: {SPACE: figures}, rows, share_of_train}`, see
      `dd_jax.audits.memorisation.audit`.
    """
    train, holdout = parts.dataset.train.images, parts.judged.images
    rng = np.random.default_rng(integer(parts.key("memorisation")))
    rows = min(len(train), len(holdout))
    draw = lambda images, count: images[
        np.sort(rng.choice(len(images), count, replace=False))
    ]
    seen, unseen = draw(train, rows), draw(holdout, rows)
    released = {
        "distilled": np.asarray(sets.images[0]),
        "copies": draw(train, min(len(train), len(sets.images[0]))) / np.float32(255),
    }
    spaces = {"pixels": pixel_space} | random_feature_spaces(
        parts.key("memorisation networks"), parts.model, NETWORKS
    )
    found = {
        name: memorisation.audit(released[name], seen, unseen, spaces)
        for name in shown(released, "memorisation")
    }
    if parts.config.audits.memorisation.gallery:
        ours = found["distilled"]
        picture = _gallery(
            np.asarray(sets.labels[0]),
            released["distilled"],
            seen[ours.train["pixels"]] / np.float32(255),
            unseen[ours.holdout["pixels"]] / np.float32(255),
        )
        disk.replace(parts.folder / "gallery.png", picture)
    return {name: audit.record for name, audit in found.items()} | {
        "rows": rows,
        "share_of_train": rows / len(train),
    }


def _gallery(labels: np.ndarray, *columns: np.ndarray) -> bytes:
    """A row for the first image of each class; a column for each of `f32[m h w c]`."""
    from dd_jax.report.figures import image_grid  # matplotlib: dry runs do without

    _, first = np.unique(labels.argmax(1), return_index=True)
    first = first[:GALLERY]
    side_by_side = np.concatenate([column[first] for column in columns])
    return image_grid(side_by_side, np.tile(np.eye(len(first)), (len(columns), 1)))
