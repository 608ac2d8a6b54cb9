"""k-means clusters of points."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning


def k_means(seed: int, points: np.ndarray, count: int) -> KMeans:
    """Fits `count` centres from one start (Lloyd 1982).

    Fewer where fewer points differ, as `labels_` then show.

    Args:
      seed: of the start.
      points: `f32[n d]`.
      count: number of centres.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(count, n_init=1, random_state=seed).fit(points)
