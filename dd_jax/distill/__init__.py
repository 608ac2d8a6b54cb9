"""Distillation methods, all of one shape, and synthetic sets on disk."""

from dd_jax.distill.base import Method, Real, real_data
from dd_jax.distill.distribution_matching import distribution_matching
from dd_jax.distill.pixels import INITS
from dd_jax.distill.selection import CHOOSERS, selection
from dd_jax.distill.shadow_matching import Joint, shadow_matching
from dd_jax.distill.storage import load, save

METHODS = {name: selection(name) for name in CHOOSERS} | {"dm": distribution_matching}

__all__ = [
    "CHOOSERS",
    "INITS",
    "METHODS",
    "Joint",
    "Method",
    "Real",
    "load",
    "real_data",
    "save",
    "shadow_matching",
]
