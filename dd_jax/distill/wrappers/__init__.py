"""Wrappers of distillation methods that trade accuracy for robustness."""

from dd_jax.distill.wrappers.robust_distillation import robust

MITIGATIONS = {"robust": robust}

__all__ = ["MITIGATIONS", "robust"]
