"""Shared by all long computations: loop, checkpoints, devices, keys, costs."""

from dd_jax.runtime.xla_flags import set_flags

set_flags()
