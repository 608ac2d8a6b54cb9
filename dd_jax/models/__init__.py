"""Networks as pure functions; the only package that imports Flax."""

from dd_jax.models.conv import keep_products
from dd_jax.models.registry import (
    MODELS,
    build,
    describe_architecture,
    field_names,
    minimum_size,
)

__all__ = [
    "MODELS",
    "build",
    "describe_architecture",
    "field_names",
    "keep_products",
    "minimum_size",
]
