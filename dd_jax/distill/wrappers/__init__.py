"""Wrappers of distillation methods: for robustness, fairness, and a backdoor."""

from dd_jax.distill.wrappers.fair_distillation import fair
from dd_jax.distill.wrappers.poisoned_distillation import poisoned
from dd_jax.distill.wrappers.robust_distillation import robust

MITIGATIONS = {"robust": robust, "fair": fair}  # each wraps what those before it made

__all__ = ["MITIGATIONS", "fair", "poisoned", "robust"]
