"""Distillation methods, all of one shape, and synthetic sets on disk."""

from dd_jax.catalogue import Registry
from dd_jax.distill.base import Method, Real, real_data
from dd_jax.distill.batched import batched_form
from dd_jax.distill.batched.batched_method import BatchedMethod
from dd_jax.distill.from_python import build, distil, train_experts
from dd_jax.distill.io.storage import load, save
from dd_jax.distill.loss_matching import class_features, matching, matching_method
from dd_jax.distill.methods.selection import selection
from dd_jax.distill.parametrisation.allocation import by_need

METHODS = Registry("method")
INITS = Registry("init")

__all__ = [
    "INITS",
    "METHODS",
    "BatchedMethod",
    "Method",
    "Real",
    "batched_form",
    "build",
    "by_need",
    "class_features",
    "distil",
    "load",
    "matching",
    "matching_method",
    "real_data",
    "save",
    "selection",
    "train_experts",
]
