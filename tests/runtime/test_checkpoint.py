"""States come back bit for bit; what was not written whole does not count."""

import errno
import os
import shutil
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from damage import HARMS, harm_one

from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.system import disk


class State(NamedTuple):
    weights: dict
    rest: tuple


def state(scale=1.0):
    x = jnp.float32(scale) * jnp.array([1 / 3, np.pi, -0.0, 1e-40, np.inf])
    weights = {"f32": x, "bf16": x.astype(ml_dtypes.bfloat16), "u8": np.arange(4, 7)}
    return State(weights, (jnp.int32(7), jnp.array([True, False]), (), None))


def bits(tree):
    return [
        (a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, jax.tree.leaves(tree))
    ]


def test_nothing_saved_gives_the_template(tmp_path):
    template = state()
    assert Checkpoints(tmp_path / "new").latest(template) == (0, 0.0, template)


def test_round_trip_is_bit_identical(tmp_path):
    Checkpoints(tmp_path).save(3, 1.25, state())
    step, seconds, got = Checkpoints(tmp_path).latest(state(scale=0.0))
    assert (step, seconds) == (3, 1.25)
    assert jax.tree.structure(got) == jax.tree.structure(state())
    assert bits(got) == bits(state())


def test_the_newest_two_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (2, 4, 10):
        checkpoints.save(step, float(step), state(step))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["10", "10.json", "4", "4.json"]
    for opened in (checkpoints, Checkpoints(tmp_path)):
        step, _, got = opened.latest(state())
        assert step == 10
        assert bits(got) == bits(state(10))


@pytest.mark.parametrize("name", ["4.orbax-checkpoint-tmp", "4.orbax-checkpoint-tmp-1"])
def test_a_half_written_state_is_ignored_and_can_be_written_again(tmp_path, name):
    Checkpoints(tmp_path).save(2, 1.0, state(2))
    shutil.copytree(tmp_path / "2", tmp_path / name)
    for file in (tmp_path / name).rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    opened = Checkpoints(tmp_path)
    step, _, got = opened.latest(state())
    assert step == 2
    assert bits(got) == bits(state(2))
    opened.save(4, 2.0, state(4))
    step, _, got = Checkpoints(tmp_path).latest(state())
    assert step == 4
    assert bits(got) == bits(state(4))


def test_a_first_state_that_was_half_written_means_starting_again(tmp_path):
    (tmp_path / "2.orbax-checkpoint-tmp" / "default").mkdir(parents=True)
    assert Checkpoints(tmp_path).latest(state(0.5))[:2] == (0, 0.0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the states of steps 4 and 6."""
    folder = tmp_path_factory.mktemp("saved")
    for step in (2, 4, 6):
        Checkpoints(folder).save(step, float(step), state(step), [{"step": step}])
    return folder


@pytest.mark.parametrize("share", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", HARMS)
def test_damage_never_gives_other_arrays(saved, tmp_path, capsys, kind, share):
    """60 flipped bits, and 20 of each other harm; the newest good state comes back."""
    rng = np.random.default_rng(HARMS.index(kind))
    for i in range((60 if kind == "flip" else 20) // share):
        folder = shutil.copytree(saved, tmp_path / str(i))
        what = harm_one(rng, folder, kind)
        opened = Checkpoints(folder, "distil")
        step, seconds, got = opened.latest(state(0.0))
        hit = int(what.split()[1].split("/")[0].removesuffix(".json"))
        line = capsys.readouterr().err
        if step == 6:  # the older state, or what changes no byte
            assert hit == 4 or kind == "overwrite" or "cut" in what, what
            assert line == ""
        else:
            assert (step, hit) == (4, 6), what
            assert line.startswith(f"distil: the state of step 6 in {folder} cannot be")
            assert line.endswith("; goes back to step 4\n") and line.count("\n") == 1
        assert bits(got) == bits(state(step)), what
        assert seconds == step and opened.rows == [{"step": step}]


@pytest.mark.parametrize("kind", HARMS)
def test_with_all_states_damaged_it_starts_again(saved, tmp_path, capsys, kind):
    folder = shutil.copytree(saved, tmp_path / "all")
    rng = np.random.default_rng(0)
    for step in ("4", "6"):
        while disk.file_digest(folder / step) == disk.file_digest(saved / step):
            harm_one(rng, folder / step, kind)
    opened = Checkpoints(folder, "distil")
    step, seconds, got = opened.latest(state(0.5))
    assert (step, seconds, opened.rows) == (0, 0.0, [])
    assert bits(got) == bits(state(0.5))
    line = capsys.readouterr().err
    assert line.startswith("distil: the state of step 6, 4 in")
    assert line.endswith("starts again from the beginning\n") and line.count("\n") == 1
    opened.save(6, 7.0, state(6))
    assert bits(opened.latest(state())[2]) == bits(state(6))


def test_a_state_that_goes_with_other_files_is_not_taken(saved, tmp_path):
    for step in (2, 4):
        Checkpoints(tmp_path).save(step, 1.0, state(step), written=f"up to {step}")
    written = lambda step: {2: "up to 2", 4: "other"}[step]
    step, _, got = Checkpoints(tmp_path).latest(state(), written)
    assert step == 2 and bits(got) == bits(state(2))


def test_states_beyond_a_limit_stay_where_they_are(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "some")
    assert Checkpoints(folder).latest(state(), limit=5)[0] == 4
    assert Checkpoints(folder).latest(state(0.5), limit=3)[:2] == (0, 0.0)
    assert Checkpoints(folder).latest(state())[0] == 6


def test_a_state_of_another_shape_is_not_taken(saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "some")
    step, _, got = Checkpoints(folder).latest({"x": np.zeros(3)})
    assert step == 0 and bits(got) == bits({"x": np.zeros(3)})
    assert "starts again from the beginning" in capsys.readouterr().err


def test_a_state_is_saved_over_one_of_the_same_step(tmp_path):
    for scale in (1, 3):
        Checkpoints(tmp_path).save(0, 0.0, state(scale))
    assert bits(Checkpoints(tmp_path).latest(state())[2]) == bits(state(3))


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_full_disk_leaves_the_states_before(tmp_path, monkeypatch, when, caplog):
    opened = Checkpoints(tmp_path)
    for step in (2, 4):
        opened.save(step, 1.0, state(step))
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*arguments, **kw):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if when == "before":
        usage = shutil._ntuple_diskusage(10**9, 10**9, 100)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    else:
        monkeypatch.setattr(disk, "file_digest", full)
    with pytest.raises(disk.WriteError, match=f"^{tmp_path}/6: cannot be written"):
        opened.save(6, 1.0, state(6))
    monkeypatch.undo()
    found = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == files and caplog.text == ""
    assert Checkpoints(tmp_path).latest(state())[0] == 4


def folder_for_digest(folder):
    (folder / "4.json").unlink()
    (folder / "4.json").mkdir()


def pipe_for_digest(folder):
    (folder / "4.json").unlink()
    os.mkfifo(folder / "4.json")


def file_for_state(folder):
    shutil.rmtree(folder / "4")
    (folder / "4").write_text("x")


def link_for_state(folder):
    shutil.rmtree(folder / "4")
    (folder / "4").symlink_to(folder / "2")


@pytest.mark.parametrize(
    "harm", [folder_for_digest, pipe_for_digest, file_for_state, link_for_state]
)
def test_something_else_in_the_place_of_a_state(tmp_path, capsys, harm):
    for step in (2, 4):
        Checkpoints(tmp_path).save(step, 1.0, state(step))
    harm(tmp_path)
    step, _, got = Checkpoints(tmp_path).latest(state())
    assert step == 2 and bits(got) == bits(state(2))
    assert "goes back to step 2" in capsys.readouterr().err
    Checkpoints(tmp_path).save(4, 1.0, state(5))
    assert bits(Checkpoints(tmp_path).latest(state())[2]) == bits(state(5))
