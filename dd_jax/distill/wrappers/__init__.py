"""Wrappers of distillation methods that pay accuracy for something else."""

from dd_jax.distill.wrappers.robust_distillation import robust

MITIGATIONS = {"robust": robust}

__all__ = ["MITIGATIONS", "robust"]
