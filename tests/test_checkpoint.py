"""States come back bit for bit; what was not written whole does not count."""

import shutil
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from dd_jax.checkpoint import Checkpoints


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


def test_a_first_state_that_was_half_written_means_starting_anew(tmp_path):
    (tmp_path / "2.orbax-checkpoint-tmp" / "default").mkdir(parents=True)
    assert Checkpoints(tmp_path).latest(state(0.5))[:2] == (0, 0.0)
