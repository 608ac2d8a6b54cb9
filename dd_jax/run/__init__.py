"""Runs: one config in, one Record and its files out."""

from dd_jax.run.duration import audits_of, durations
from dd_jax.run.grid_checks import one_grid
from dd_jax.run.identity import device_kind
from dd_jax.run.one_run import Busy, Diverged, Prepared, prepared, record_of, run
from dd_jax.run.processes import follow, is_first, meet
from dd_jax.run.read_data import dataset
from dd_jax.run.speed import look_at_data, seconds_a_pass
from dd_jax.run.stage_passes import counts_of, passes, set_size
from dd_jax.run.together import runs_at_once, take_steps_together

__all__ = [
    "Busy",
    "Diverged",
    "Prepared",
    "audits_of",
    "counts_of",
    "dataset",
    "device_kind",
    "durations",
    "follow",
    "is_first",
    "look_at_data",
    "meet",
    "one_grid",
    "passes",
    "prepared",
    "record_of",
    "run",
    "runs_at_once",
    "seconds_a_pass",
    "set_size",
    "take_steps_together",
]
