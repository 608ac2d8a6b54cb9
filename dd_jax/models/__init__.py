"""Networks as pure functions; the only package that imports Flax."""

from dd_jax.models.conv import keep_products
from dd_jax.models.registry import (
    MODELS,
    build,
    describe_architecture,
    fields,
    minimum_size,
)

__all__ = [
    "MODELS",
    "build",
    "describe_architecture",
    "fields",
    "keep_products",
    "minimum_size",
]
