"""Shared set-up of tests: eight virtual CPU devices, programs compiled fast."""

import gc
import os
from pathlib import Path

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Workers, and the processes that tests kill, would share the folder on disk; one that
# reads a half-written entry can crash.
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")
# Compile time is most of a small test: leave optimisations out.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")

import jax
import pytest

collect_ignore = ["plugin_config.py"]  # registers names where it is imported
gc.set_threshold(50_000)  # traces make many objects that stay
_MAPS = Path("/proc/self/maps")
_MANY = 15_000  # of the 65,530 memory maps that Linux lets a process have


def pytest_collection_finish():
    gc.freeze()  # modules and tests stay, so that no collection looks at them again


def pytest_sessionfinish():
    gc.freeze()  # pytest collects five times at its end


@pytest.fixture(autouse=True, scope="module")
def _forget_programs():
    """Compiled programs hold memory maps; a worker that runs out of them crashes."""
    yield
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MANY:
        jax.clear_caches()
