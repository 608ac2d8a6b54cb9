"""Private folders of processes that were killed do not stay."""

import os
import subprocess
import sys

from dd_jax.runtime.private_folder import private_folder


def test_folders_of_killed_processes_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, other = tmp_path / f"dd_jax_host_{ended.pid}_x", tmp_path / "dd_jax_host_x"
    for folder in (dead, other):
        (folder / "inner").mkdir(parents=True)
    new = private_folder()
    assert {*tmp_path.iterdir()} == {other, new}
    assert private_folder() != new and new.exists()
    assert str(os.getpid()) in new.name
