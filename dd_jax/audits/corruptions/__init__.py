"""Common corruptions (Hendrycks and Dietterich 2019), made in JAX."""

from dd_jax.audits.corruptions.accuracy import (
    CORRUPTIONS,
    SEEN,
    SEVERITIES,
    corrupt,
    corruption_accuracy,
    mean_corruption_error,
    record,
)

__all__ = [
    "CORRUPTIONS",
    "SEEN",
    "SEVERITIES",
    "corrupt",
    "corruption_accuracy",
    "mean_corruption_error",
    "record",
]
