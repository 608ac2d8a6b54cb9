"""Data: where images come from, how they are split, masked and augmented."""

from dd_jax.data.augment import Augment, dsa
from dd_jax.data.biased import Bias
from dd_jax.data.checks import require_per_class
from dd_jax.data.masks import initial_masks, membership_masks, starting_rows
from dd_jax.data.raw import Raw
from dd_jax.data.sources import load

__all__ = [
    "Augment",
    "Bias",
    "Raw",
    "dsa",
    "initial_masks",
    "load",
    "membership_masks",
    "require_per_class",
    "starting_rows",
]
