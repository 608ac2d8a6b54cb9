"""A run that does not fit in memory is refused before it computes anything."""

from types import SimpleNamespace

import jax
import pytest
from tiny import BARE, MLP, flags, launch, only_run, status

from dd_jax import config
from dd_jax.run.cached import advised
from dd_jax.runtime.device_memory import memory_of
from dd_jax.runtime.platform import made_for
from dd_jax.types import DoesNotFit

SMALL = BARE | {"model.width": 64, "train.nets": 4, "train.batch": 256}


def refused(capsys, root, limit, **changes):
    """The last line about a run on a GPU of so few bytes, which ends with status 2."""
    with made_for("gpu"), memory_of(limit):
        assert launch(*flags(SMALL, **changes), f"--workdir={root}") == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "refused" in x]
    return line


REAL = "distill.batch_real, distill.ipc or model.width"
STUDENT = (
    "distill.mtt.student_steps, distill.mtt.batch_student{}, distill.ipc or model.width"
)


@pytest.mark.parametrize(
    "stage, changes, keys",
    [
        ("distill", {"distill.method": "dm"}, REAL),
        ("shadow_distill", {"distill.method": "dsa"}, REAL),
        ("distill", {"distill.method": "mtt"}, STUDENT.format(" (0 = all)")),
        (
            "distill",
            {"distill.method": "mtt", "distill.mtt.batch_student": 100},
            STUDENT.format(""),
        ),
        (
            "distill",
            {"distill.method": "rat_bptt"},
            REAL.replace("distill.ipc", "distill.rat_bptt.window, distill.ipc"),
        ),
        ("distill", {"distill.method": "kmeans"}, "distill.ipc or model.width"),
        ("train", {"distill.method": "mtt"}, "train.batch or model.width"),
    ],
)
def test_the_keys_to_lower_are_those_that_the_method_takes(stage, changes, keys):
    run = SimpleNamespace(config=config.override(config.default(), changes, "test"))
    with (
        pytest.raises(DoesNotFit) as caught,
        advised(run, "a stage", stage),
    ):
        raise DoesNotFit("needs 2 GB of 1 GB on gpu")
    assert str(caught.value) == f"a stage needs 2 GB of 1 GB on gpu; lower {keys}"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9 GiB"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nin detail"),
    ],
)
def test_memory_that_runs_out_on_the_way_is_said_with_the_keys_of_an_audit(error):
    run = SimpleNamespace(config=config.default())
    with pytest.raises(MemoryError) as caught, advised(run, "a stage", "train"):
        raise error
    first = str(error).splitlines()[0]
    keys = "train.batch or model.width"
    assert str(caught.value) == f"a stage: {first}; lower {keys}"
    with pytest.raises(MemoryError) as again, advised(run, "privacy"):
        raise caught.value  # of one of its stages
    assert again.value is caught.value
    with pytest.raises(MemoryError) as caught, advised(run, "robustness"):
        raise error
    keys = "audits.robustness.images, audits.robustness.nets or model.width"
    assert str(caught.value) == f"robustness: {first}; lower {keys}"


@pytest.mark.parametrize(
    "text", ["INTERNAL: broken", "RESOURCE_EXHAUSTED: No space left on device"]
)
def test_other_errors_of_the_device_are_left_as_they_are(text):
    run, error = None, jax.errors.JaxRuntimeError(text)
    with pytest.raises(jax.errors.JaxRuntimeError) as caught, advised(run, "a", "b"):
        raise error
    assert caught.value is error


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
