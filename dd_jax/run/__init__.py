"""The composition root: one config in, one Record and its files out."""

from dd_jax.run.one_run import (
    Busy,
    Diverged,
    forecast,
    notes,
    record_of,
    run,
    run_id,
)

__all__ = ["Busy", "Diverged", "forecast", "notes", "record_of", "run", "run_id"]
