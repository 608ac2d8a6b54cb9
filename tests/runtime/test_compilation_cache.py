"""Where compiled programs are kept: a folder a machine, the user's, or none."""

import os
import subprocess
import sys

import jax
import pytest
from tiny import BARE, MLP, ROOT, flags

from dd_jax.runtime import compilation_cache as compiled


@pytest.fixture(autouse=True)
def cache_of_jax(monkeypatch, tmp_path):
    """JAX's cache as it is without settings, and a home of its own."""
    names = "jax_enable_compilation_cache", "jax_compilation_cache_dir"
    before = [getattr(jax.config, name) for name in names]
    jax.config.update(names[0], True)
    jax.config.update(names[1], None)
    monkeypatch.setenv("HOME", str(tmp_path))
    compiled._folder.cache_clear()
    yield
    for name, value in zip(names, before):
        jax.config.update(name, value)
    compiled._folder.cache_clear()


def test_in_the_home_by_machine(tmp_path):
    compiled.enable()
    folder = tmp_path / ".cache" / "dd_jax" / compiled.machine()
    assert jax.config.jax_compilation_cache_dir == str(folder) and folder.is_dir()


def test_the_users_folder_stays(tmp_path):
    jax.config.update("jax_compilation_cache_dir", "/of/the/user")
    compiled.enable()
    assert jax.config.jax_compilation_cache_dir == "/of/the/user"
    assert os.listdir(tmp_path) == []


def test_nothing_is_made_where_the_cache_is_off(tmp_path):
    jax.config.update("jax_enable_compilation_cache", False)
    compiled.enable()
    assert jax.config.jax_compilation_cache_dir is None
    assert os.listdir(tmp_path) == []


CPU = "processor : 0\nflags : sse avx2\ncpu MHz : {}\n\nprocessor : 1\nflags : x\n"


def test_another_processor_or_jaxlib_has_another_folder(monkeypatch, tmp_path):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(compiled, "_CPU", file)

    def machine(text):
        file.write_text(text)
        return compiled.machine()

    ours = machine(CPU.format(2000))
    assert machine(CPU.format(3000)) == ours  # what varies by the minute counts not
    assert machine(CPU.format(2000).replace("avx2", "avx512f")) != ours
    monkeypatch.setattr(compiled.jaxlib, "__version__", "0.0.1")
    assert machine(CPU.format(2000)) != ours
    file.unlink()  # as on other systems
    assert len(compiled.machine()) == 12


@pytest.mark.parametrize(
    "home, why",
    [
        (None, "~/.cache/dd_jax/{}: no home directory"),
        (
            "/proc/nonexistent",
            "/proc/nonexistent/.cache/dd_jax/{}: no such file",
        ),
        ("/dev/null", "/dev/null/.cache/dd_jax/{}: not a directory"),
        ("relative", "relative/.cache/dd_jax/{}: no home directory"),
    ],
)
def test_no_home_is_a_line(monkeypatch, capsys, home, why):
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    else:
        monkeypatch.setenv("HOME", home)
    compiled.enable()
    compiled.enable()  # one line a process
    assert jax.config.jax_compilation_cache_dir is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compiled programs are not cached for later runs: ")
    assert why.format(compiled.machine()) in line
    assert line.endswith("; set JAX_COMPILATION_CACHE_DIR to a writable one")


def test_a_home_that_is_read_only(monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    compiled.enable()
    assert jax.config.jax_compilation_cache_dir is None
    assert "is read-only; set JAX_" in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_run_without_a_home(tmp_path):
    kept = {key: os.environ[key] for key in ("PATH", "JAX_PLATFORMS")}
    done = subprocess.run(
        [sys.executable, ROOT / "launch.py", *flags(BARE | MLP)],
        cwd=tmp_path,
        env=kept | {"PYTHONPATH": str(ROOT), "HOME": "/dev/null"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "compiled programs are not cached for later runs: " in done.stderr
    assert (tmp_path / "runs_out" / "quickstart" / "report.html").exists()
