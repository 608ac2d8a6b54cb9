"""Shared test set-up: eight virtual CPU devices, no compilation cache on disk.

Workers, and the processes that tests kill, would share the cache; a half-written entry
can crash whoever reads it.
"""

import os

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")
