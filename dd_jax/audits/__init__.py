"""Audits: what distillation costs in accuracy, privacy, robustness and fairness."""

from dd_jax.audits.audit import Audit, Context, no_check

__all__ = ["Audit", "Context", "no_check"]
