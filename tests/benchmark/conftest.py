"""A finished run, and a folder to work in."""

import pytest
import tiny
from published import BASE

from dd_jax import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run on digits."""
    root = tmp_path_factory.mktemp("made")
    record = run.run(tiny.make(BASE), root)
    return root / "runs" / record["run"]["id"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
