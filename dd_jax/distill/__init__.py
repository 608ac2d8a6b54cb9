"""Distillation methods, all of one shape, and synthetic sets on disk."""

from dd_jax.distill.base import Method, Real, real_data
from dd_jax.distill.batched.joint_steps import Joint
from dd_jax.distill.batched.shadow_condensation import (
    shadow_condensation,
    shadow_siamese_condensation,
)
from dd_jax.distill.batched.shadow_matching import shadow_matching
from dd_jax.distill.io.storage import load, save
from dd_jax.distill.methods.condensation import condensation, siamese_condensation
from dd_jax.distill.methods.distribution_matching import distribution_matching
from dd_jax.distill.methods.idc import idc, idc_i
from dd_jax.distill.methods.kernel_ridge import kernel_ridge
from dd_jax.distill.methods.selection import CHOOSERS, selection
from dd_jax.distill.methods.trajectory_matching import trajectory_matching
from dd_jax.distill.parametrisation.pixels import INITS

METHODS = {name: selection(name) for name in CHOOSERS} | {
    "dc": condensation,
    "dsa": siamese_condensation,
    "dm": distribution_matching,
    "mtt": trajectory_matching,
    "idc_i": idc_i,
    "idc": idc,
    "frepo": kernel_ridge,
}
JOINT = {
    "dc": shadow_condensation,
    "dsa": shadow_siamese_condensation,
    "dm": shadow_matching,
}

__all__ = [
    "CHOOSERS",
    "INITS",
    "JOINT",
    "METHODS",
    "Joint",
    "Method",
    "Real",
    "load",
    "real_data",
    "save",
]
