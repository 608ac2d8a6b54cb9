"""One finished run that tests of whole runs share."""

import pytest
from tiny import MLP, TINY, flags, launch, only_run

from dd_jax.system import workdir


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The work directory of one finished run with all audits that are on by default."""
    root = tmp_path_factory.mktemp("run") / "new" / "folder"
    assert launch(*flags(TINY | MLP), f"--workdir={root}") == 0
    return root


@pytest.fixture(scope="session")
def folder(root):
    return only_run(root)


@pytest.fixture(scope="session")
def record(folder):
    return workdir.read_json(folder / "record.json")
