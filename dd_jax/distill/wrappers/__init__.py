"""Wrappers of distillation methods that trade accuracy for robustness or fairness."""

from dd_jax.distill.wrappers.fair_distillation import fair
from dd_jax.distill.wrappers.robust_distillation import robust

MITIGATIONS = {"robust": robust, "fair": fair}  # each wraps what those before it made

__all__ = ["MITIGATIONS", "fair", "robust"]
