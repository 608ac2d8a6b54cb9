"""Fixtures of the report tests."""

import fabricate
import pytest


@pytest.fixture
def row():
    return fabricate.record()


@pytest.fixture
def single(tmp_path):
    fabricate.write_run(tmp_path, fabricate.record())
    return tmp_path


@pytest.fixture
def cells():
    return fabricate.sweep()
