"""Audits: what distillation costs in accuracy, privacy, robustness and fairness."""

from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.audits.in_memory import measure

__all__ = ["Audit", "Context", "measure", "no_check"]
