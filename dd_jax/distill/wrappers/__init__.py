"""Wrappers of distillation methods: for robustness, and a backdoor to be measured."""

from dd_jax.distill.wrappers.poisoned_distillation import poisoned
from dd_jax.distill.wrappers.robust_distillation import robust

MITIGATIONS = {"robust": robust}

__all__ = ["MITIGATIONS", "poisoned", "robust"]
