"""Configs: keys with defaults and help, overrides, checks, sweeps; no JAX."""

from dd_jax.config.nested import flat
from dd_jax.config.run_names import (
    RESULTS_VERSION,
    current_form,
    method_form,
    run_id,
    run_ids,
    used_entries,
)
from dd_jax.config.values import (
    changed,
    changed_in_json,
    check_key,
    default,
    essential,
    only_audits,
    override,
    validate,
    wrong,
)

__all__ = [
    "RESULTS_VERSION",
    "changed",
    "changed_in_json",
    "check_key",
    "default",
    "essential",
    "flat",
    "current_form",
    "method_form",
    "only_audits",
    "used_entries",
    "override",
    "run_id",
    "run_ids",
    "validate",
    "wrong",
]
