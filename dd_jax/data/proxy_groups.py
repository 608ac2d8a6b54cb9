"""Groups of rows that look alike, where nobody has said which groups there are."""

from collections.abc import Sequence

import numpy as np

from dd_jax.data.clusters import k_means
from dd_jax.data.small_images import small_images
from dd_jax.types import InputError, Split


def with_proxy_groups(
    seed: int, train: Split, evaluated: Sequence[Split | None], count: int
) -> tuple[Split, list[Split | None]]:
    """Splits whose groups are k-means clusters of the training images.

    Clusters are of `small_images`, less the mean of the training images of their class,
    so that most classes have rows of all clusters; every row, of train and of the other
    splits, belongs to the nearest centre. They are no groups of people: a cluster may
    be a style of drawing or a brightness.

    Args:
      seed: of the first centres.
      train: rows that the centres are fitted on.
      evaluated: other splits, or None, whose rows are assigned to them.
      count: number of clusters.

    Returns:
      The same rows with groups `i32[n]` in 0 .. count - 1.

    Raises:
      InputError: more clusters than training rows, or than differ.

    Source: k-means, Lloyd, "Least squares quantization in PCM", 1982. Sohoni et al.,
    "No subclass left behind", 2020, cluster learned features, of each class apart.
    """
    if count > len(train.labels):
        raise InputError(
            f"data.groups=clusters:{count}: there are {len(train.labels)} training "
            "images; take fewer clusters"
        )
    pixels = small_images(train.images)
    classes = range(train.labels.max() + 1)
    means = np.stack([pixels[train.labels == c].mean(0) for c in classes])
    features = lambda split: small_images(split.images) - means[split.labels]
    fitted = k_means(seed, features(train), count)
    if (different := len(np.unique(fitted.labels_))) < count:
        raise InputError(
            f"data.groups=clusters:{count}: training images less the mean of their "
            f"class make only {different}; take fewer clusters or more rows"
        )
    grouped = lambda split, found: split._replace(groups=found.astype(np.int32))
    nearest = lambda split: fitted.predict(features(split))
    others = [split and grouped(split, nearest(split)) for split in evaluated]
    return grouped(train, fitted.labels_), others
