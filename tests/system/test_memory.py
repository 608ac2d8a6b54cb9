"""Free memory: what the machine has, or the container if it has less."""

import psutil

from dd_jax.system import memory


def test_of_a_container(monkeypatch, tmp_path):
    whole = psutil.virtual_memory().total
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert 0 < memory.free() <= whole
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory.free() == 500
    (tmp_path / "memory.max").write_text("300\n")
    assert memory.free() == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert 0 < memory.free() <= whole
