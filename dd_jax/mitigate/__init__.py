"""Wrappers of distillation methods that pay accuracy for something else."""

from dd_jax.mitigate.robust import robust

MITIGATIONS = {"robust": robust}

__all__ = ["MITIGATIONS", "robust"]
