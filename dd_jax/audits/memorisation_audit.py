"""The memorisation audit of a run: do its released images resemble training images."""

import numpy as np

from dd_jax.audits import memorisation
from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.audits.nearest_neighbours import pixel_space, random_feature_spaces
from dd_jax.runtime.keys import integer
from dd_jax.system.progress import shown

NETWORKS = 3  # random feature spaces beside the pixels
GALLERY = 20  # synthetic images shown, one a class


def measure(context: Context) -> dict:
    """Compares the first released set, and copies of real rows, with train and holdout.

    The holdout is the evaluation split; train and holdout are random samples of the
    same number of rows. The copies, as many random rows of train as the set has images
    or all of them, are a control: what the figures come to when every image is a
    training image. With the option `gallery`, leaves `gallery.png`: synthetic | nearest
    in train | nearest in holdout, by pixels.

    Returns:
      `{distilled, copies: {SPACE: figures}, rows, share_of_train}`, see
      `dd_jax.audits.memorisation.audit`.
    """
    train, holdout = context.dataset.train.images, context.evaluation.images
    images = np.asarray(context.sets.images[0])
    rng = np.random.default_rng(integer(context.key("memorisation")))
    rows = min(len(train), len(holdout))
    draw = lambda pool, count: pool[
        np.sort(rng.choice(len(pool), count, replace=False))
    ]
    seen, unseen = draw(train, rows), draw(holdout, rows)
    copies = draw(train, min(len(train), len(images))) / np.float32(255)
    released = {"distilled": images, "copies": copies}
    spaces = {"pixels": pixel_space} | random_feature_spaces(
        context.key("memorisation networks"), context.model, NETWORKS
    )
    found = {
        name: memorisation.audit(released[name], seen, unseen, spaces)
        for name in shown(released, "memorisation")
    }
    if context.options.gallery:
        near = seen[found["distilled"].train["pixels"]]
        far = unseen[found["distilled"].holdout["pixels"]]
        columns = images, near / np.float32(255), far / np.float32(255)
        classes = np.asarray(context.sets.image_classes[0])
        context.save("gallery.png", _gallery(classes, *columns))
    return {name: audit.record for name, audit in found.items()} | {
        "rows": rows,
        "share_of_train": rows / len(train),
    }


def _gallery(classes: np.ndarray, *columns: np.ndarray) -> bytes:
    """A row for the first image of each class; a column for each of `f32[m h w c]`."""
    from dd_jax.report.image_grid import image_grid  # matplotlib: dry runs do without

    _, first = np.unique(classes, return_index=True)
    first = first[:GALLERY]
    side_by_side = np.concatenate([column[first] for column in columns])
    return image_grid(side_by_side, np.tile(np.eye(len(first)), (len(columns), 1)))


AUDIT = Audit("memorisation", no_check, measure)
