"""Loops that take their steps as one program end as each does alone."""

import numpy as np
import pytest

from dd_jax.runtime.advance import Advance
from dd_jax.runtime.joint_loop import Steps, run_joint_loop
from dd_jax.runtime.loop import run_loop

TOTAL = 3


def program(shared, keys, state, rates):
    """Adds the rate of each model in each step."""
    first, last = shared
    state = state + rates * (last - first)
    return state, state


def loop(folder, rate):
    """Of one model, from 0, that adds its rate in each step."""
    rates = np.float32([rate])
    advance = Advance(program, (), np.zeros(1), (rates,))
    start = np.zeros(1, np.float32)
    return Steps(advance, start, TOTAL, 1, "sums", folder, (rates,), 0.0)


def alone(steps, up_to=TOTAL):
    """Runs a loop by itself up to a step."""
    values = steps._replace(total=up_to)._asdict()
    advance, state = values.pop("advance"), values.pop("state")
    return run_loop(advance, state, **values).state


def half_done(folder):
    some = [loop(folder, rate) for rate in (1.0, 2.0, 3.0)]
    for one in some:
        alone(one, 2)
    return some


def damage(steps, step):
    file = next(p for p in (steps.place / str(step)).rglob("*") if p.is_file())
    file.write_bytes(file.read_bytes() + b"x")


def test_each_ends_as_alone_and_is_saved(tmp_path):
    some = half_done(tmp_path)
    for one, result in zip(some, run_joint_loop(some)):
        assert result.state == TOTAL * one.advance.each[0]
        assert alone(one) == result.state


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_one_whose_newest_state_is_damaged_goes_on_alone(tmp_path, damaged, capsys):
    some = half_done(tmp_path)
    damage(some[damaged], 2)
    for i, result in enumerate(run_joint_loop(some)):
        assert (result is None) == (i == damaged)
    assert "goes back to step 1" in capsys.readouterr().err
    for one in some:
        assert alone(one) == TOTAL * one.advance.each[0]


@pytest.mark.parametrize("faster", [[0], [2], [0, 1], [0, 1, 2]])
def test_those_that_another_process_has_finished_are_not_trained_again(
    tmp_path, faster
):
    some = half_done(tmp_path)
    for i in faster:
        alone(some[i])
    for one, result in zip(some, run_joint_loop(some)):
        assert result.state == TOTAL * one.advance.each[0] == alone(one)
