"""Common corruptions (Hendrycks and Dietterich 2019), in JAX."""

from dd_jax.audits.corruptions.common_corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    corrupt,
)
from dd_jax.audits.corruptions.corruption_error import (
    CONDITIONS,
    corruption_accuracy,
    mean_corruption_error,
    record,
)

__all__ = [
    "CONDITIONS",
    "CORRUPTIONS",
    "SEVERITIES",
    "corrupt",
    "corruption_accuracy",
    "mean_corruption_error",
    "record",
]
