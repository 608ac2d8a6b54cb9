"""A long process forgets compiled programs before Linux ends it."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from dd_jax.runtime import program_maps
from dd_jax.runtime.program_maps import forget_programs_if_many

linux = pytest.mark.skipif(sys.platform != "linux", reason="maps of Linux")


def compiled_program():
    double = jax.jit(lambda x: 2 * x)
    double(jnp.ones(3))
    return double


@linux
def test_few_programs_stay(monkeypatch, tmp_path):
    limit = tmp_path / "limit"
    limit.write_text("10000000")
    monkeypatch.setattr(program_maps, "_LIMIT", limit)
    double = compiled_program()
    assert not forget_programs_if_many()
    assert double._cache_size() == 1


@linux
def test_many_programs_are_forgotten(monkeypatch, tmp_path):
    limit = tmp_path / "limit"
    limit.write_text("100")
    monkeypatch.setattr(program_maps, "_LIMIT", limit)
    double = compiled_program()
    assert forget_programs_if_many()
    assert double._cache_size() == 0
    assert double(jnp.ones(3)).tolist() == [2, 2, 2]


def test_where_nothing_is_known_nothing_is_forgotten(monkeypatch, tmp_path):
    monkeypatch.setattr(program_maps, "_MAPS", tmp_path / "none")
    double = compiled_program()
    assert not forget_programs_if_many()
    assert double._cache_size() == 1


MANY_PROGRAMS = """
import sys
import jax, jax.numpy as jnp
from pathlib import Path
from dd_jax.runtime import program_maps

maps = lambda: Path("/proc/self/maps").read_bytes().count(b"\\n")
limit = Path(sys.argv[1])
limit.write_text(str(maps() + 2_000))
program_maps._LIMIT, program_maps._SHARE = limit, 1.0
kept, most, forgotten = [], 0, 0
while forgotten < 2:
    size = len(kept) + 1
    kept.append(jax.jit(lambda x: jnp.sort(jnp.sin(x) @ x.T).sum()))
    kept[-1](jnp.ones((size, 2)))
    most = max(most, maps())
    forgotten += program_maps.forget_programs_if_many()
assert most < int(limit.read_text()) + 100, most
"""


@linux
@pytest.mark.slow
def test_maps_are_given_back(tmp_path):
    """The functions are still held: what is forgotten are their programs."""
    code = [sys.executable, "-c", MANY_PROGRAMS, str(tmp_path / "limit")]
    subprocess.run(code, check=True, timeout=300)
