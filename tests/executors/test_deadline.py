"""Runs of a plan end within its time; what does not fit is named."""

import time
from types import SimpleNamespace

import pytest

from dd_jax import config as configs
from dd_jax.executors import deadline
from dd_jax.executors.cells import ALREADY_DONE, End
from dd_jax.executors.time_plan import Plan
from dd_jax.system.interruption import Interrupted

DONE = End("done", "done", ran=True)


def plan(budget, **seconds):
    points = [{"distill.ipc": int(name[1:])} for name in seconds]
    return Plan(budget, {}, points, list(seconds.values()), [])


def cell(ipc):
    config = configs.override(configs.default(), {"distill.ipc": ipc}, "test")
    return SimpleNamespace(config=config, id=str(ipc))


def test_a_run_that_does_not_fit_is_left_out(tmp_path):
    ran = []
    timed = deadline.within(
        lambda cell, root: ran.append(cell.id) or DONE,
        plan(10.0, i1=9.0, i2=11.0),
        time.monotonic(),
    )
    assert timed(cell(1), tmp_path) == DONE
    ran.clear()
    late = deadline.within(
        lambda cell, root: ran.append(cell.id) or DONE,
        plan(10.0, i1=9.0, i2=11.0),
        time.monotonic(),
    )
    end = late(cell(2), tmp_path)
    assert end.kind == deadline.LEFT_OUT and not ran
    assert end.text == "left out: would take about 11 s"


def test_later_runs_are_expected_to_take_as_much_longer_as_earlier_ones(tmp_path):
    def slow(cell, root):
        time.sleep(0.2)
        return DONE

    timed = deadline.within(slow, plan(0.6, i1=0.05, i2=0.15), time.monotonic())
    assert timed(cell(1), tmp_path).kind == "done"
    assert timed(cell(2), tmp_path).kind == deadline.LEFT_OUT  # 0.6 s by now


def test_finished_runs_tell_no_speed(tmp_path):
    ends = iter([ALREADY_DONE, DONE])
    timed = deadline.within(
        lambda cell, root: next(ends), plan(10.0, i1=5.0, i2=9.0), time.monotonic()
    )
    assert timed(cell(1), tmp_path) == ALREADY_DONE
    assert timed(cell(2), tmp_path) == DONE


def test_a_run_that_takes_too_long_is_stopped_and_can_go_on(tmp_path):
    stopped = []

    def endless(cell, root):
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            stopped.append(cell.id)
            raise
        return DONE

    began = time.monotonic()
    timed = deadline.within(endless, plan(0.5, i1=0.1), began)
    end = timed(cell(1), tmp_path)
    assert end.kind == deadline.LEFT_OUT and stopped == ["1"]
    assert 0.5 <= time.monotonic() - began < 5


def test_ctrl_c_still_ends_all(tmp_path):
    def stopped(cell, root):
        raise Interrupted(2)

    timed = deadline.within(stopped, plan(9.0, i1=0.1), time.monotonic())
    with pytest.raises(Interrupted):
        timed(cell(1), tmp_path)
