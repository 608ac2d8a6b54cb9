"""How much smaller the trigger of a class is than expected from clean networks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Sizes(NamedTuple):
    """Of k classes.

    Attributes:
      expected: `f64[k]`, sizes of triggers if there is no backdoor.
      index: `f64[k]`, anomaly indices; negative where a trigger is smaller than that.
    """

    expected: np.ndarray
    index: np.ndarray


def anomaly_index(norms: ArrayLike, clean: ArrayLike) -> Sizes:
    """Distances from what clean networks have, in their standard deviations.

    With `c_rk = log clean_rk - median_j log clean_rj` of R clean networks, their mean
    `m_k` and `s^2` the mean over classes of their variance,

        d_k = log norm_k - m_k,  index_k = (d_k - median_j d_j) / s,

    and the expected size is `exp(m_k + median_j d_j)`. Medians take out what all
    classes share: how strong a network is. Where clean networks do not differ, s is 0
    and the index not finite, or undefined (NaN) for a class without a difference.

    Args:
      norms: `f64[k]`, sizes of triggers, above 0.
      clean: `f64[r k]`, those in R >= 2 clean networks.

    Wang et al. (2019), Neural Cleanse, compare the norm of a class with the others of
    the same network. Differs in: some classes have small triggers in any network,
    which is measured; and the scale is not the median absolute deviation of few
    classes.

    >>> clean = [[2.0, 4.0, 8.0], [2.0, 4.0, 16.0]]
    >>> anomaly_index([2.0, 16.0, 32.0], clean).expected.round(2).tolist()
    [5.66, 11.31, 32.0]
    """
    own, others = np.log(np.asarray(norms)), np.log(np.asarray(clean))
    others = others - np.median(others, axis=1, keepdims=True)
    mean, spread = others.mean(0), np.sqrt(others.var(0, ddof=1).mean())
    away = own - mean
    shared = np.median(away)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = (away - shared) / spread
    return Sizes(np.exp(mean + shared), index)
