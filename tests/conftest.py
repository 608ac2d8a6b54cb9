"""Shared set-up of tests: eight virtual CPU devices, programs compiled fast; parts."""

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


def pytest_addoption(parser):
    parser.addoption(
        "--part",
        metavar="K/N",
        help="of the tests every Nth from the Kth on, and all of tests/executors",
    )


@pytest.hookimpl(trylast=True)  # after -m
def pytest_collection_modifyitems(config, items):
    if part := config.getoption("--part"):
        first, count = map(int, part.split("/"))
        always = Path(__file__).parent / "executors"
        kept = {*items[first - 1 :: count]}
        kept |= {item for item in items if always in item.path.parents}
        config.hook.pytest_deselected(items=[i for i in items if i not in kept])
        items[:] = [item for item in items if item in kept]


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
