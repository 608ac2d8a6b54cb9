"""A run that does not fit in memory is refused before it computes anything."""

import pytest
from tiny import BARE, MLP, flags, launch, only_run, status

from dd_jax.runtime.device_memory import memory_of
from dd_jax.runtime.platform import made_for

SMALL = BARE | {"model.width": 64, "train.nets": 4, "train.batch": 256}


def refused(capsys, root, limit, **changes):
    """The last line about a run on a GPU of so few bytes, which ends with status 2."""
    with made_for("gpu"), memory_of(limit):
        assert launch(*flags(SMALL, **changes), f"--workdir={root}") == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "refused" in x]
    return line


@pytest.mark.slow
def test_a_set_that_does_not_fit(tmp_path, capsys):
    line = refused(capsys, tmp_path, 1_000_000)
    assert "refused: distill needs " in line and " of 1.0 MB on gpu; lower " in line
    assert line.endswith("lower distill.batch_real, distill.ipc or model.width")
    assert status(tmp_path) == "failed"


@pytest.mark.slow
def test_a_later_stage_is_refused_before_the_first_starts(tmp_path, capsys):
    line = refused(capsys, tmp_path, 20_000_000, distill__method="random")
    assert "refused: train needs " in line or "refused: full data needs " in line
    assert line.endswith("; lower train.batch or model.width")
    assert not list(only_run(tmp_path).rglob("nets*"))


@pytest.mark.slow
def test_networks_in_chunks_end_as_those_at_once(tmp_path):
    found = []
    for i, limit in enumerate((1 << 40, 3_000_000)):
        with made_for("gpu"), memory_of(limit):
            root = tmp_path / str(i)
            assert launch(*flags(BARE | MLP), f"--workdir={root}") == 0
        found.append(status(root))
    assert found == ["done"] * 2
