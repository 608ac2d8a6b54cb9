"""Networks as pure functions; the only package that knows Flax."""

from dd_jax.models.conv import keep_products
from dd_jax.models.registry import (
    MODELS,
    architecture_in_words,
    build,
    fields,
    minimum_size,
)

__all__ = [
    "MODELS",
    "build",
    "architecture_in_words",
    "fields",
    "keep_products",
    "minimum_size",
]
