"""Configs: keys with defaults and help, overrides, checks, sweeps; no JAX."""

from dd_jax.config.nested import flat
from dd_jax.config.values import (
    RESULTS_VERSION,
    changed,
    changed_in_json,
    check_key,
    default,
    essential,
    only_audits,
    override,
    run_id,
    run_ids,
    used_entries,
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
    "only_audits",
    "used_entries",
    "override",
    "run_id",
    "run_ids",
    "validate",
    "wrong",
]
