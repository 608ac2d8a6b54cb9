"""One finished run that tests of whole runs share."""

import os

import pytest
from filelock import FileLock
from tiny import MLP, TINY, flags, launch, only_run

from dd_jax.system import workdir


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The work directory of one finished run with all audits that are on by default.

    It is made by the worker that needs it first.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    root = folder / "shared" / "new" / "folder"
    with FileLock(folder / "shared.lock"):
        if not root.exists():
            options = flags(TINY | MLP, report__tensorboard=True)
            assert launch(*options, f"--workdir={root}") == 0
    return root


@pytest.fixture(scope="session")
def folder(root):
    return only_run(root)


@pytest.fixture(scope="session")
def record(folder):
    return workdir.read_json(folder / "record.json")
