"""How unlike the others a number is, by the median absolute deviation."""

import numpy as np
from numpy.typing import ArrayLike

CONSISTENT = 1.4826  # times the MAD of a normal sample is its standard deviation


def anomaly_index(values: ArrayLike) -> np.ndarray:
    """Distance of each value from the median in robust standard deviations.

    `(x_i - median(x)) / (1.4826 median(|x - median(x)|))`, negative on the small side.
    Undefined, NaN, where more than half of the values are equal.

    Args:
      values: `f64[n]`.

    Returns:
      `f64[n]`.

    Hampel (1974); on norms of masks, by its size, Wang et al. (2019), Neural Cleanse.

    >>> anomaly_index([1.0, 2.0, 3.0, 4.0, 10.0]).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 4.72]
    """
    values = np.asarray(values, np.float64)
    away = values - np.median(values)
    spread = CONSISTENT * np.median(np.abs(away))
    return away / spread if spread else np.full(len(values), np.nan)
