"""Runs of a plan end within its time; what does not fit is named."""

import time
from types import SimpleNamespace

import pytest

from dd_jax import config as configs
from dd_jax.executors import deadline
from dd_jax.executors.cells import ALREADY_DONE, End
from dd_jax.executors.time_plan import Plan
from dd_jax.system import workdir
from dd_jax.system.interruption import Interrupted
from dd_jax.types import InputError

DONE = End("done", "done", ran=True)


def plan(budget, **seconds):
    points = [{"distill.ipc": int(name[1:])} for name in seconds]
    return Plan(budget, {}, points, list(seconds.values()))


def cell(ipc):
    config = configs.override(configs.default(), {"distill.ipc": ipc}, "test")
    return SimpleNamespace(config=config, id=str(ipc))


def test_a_run_that_does_not_fit_is_left_out(tmp_path):
    ran = []
    timed = deadline.within(
        lambda cell, root: ran.append(cell.id) or DONE,
        plan(10.0, i1=1e-9, i2=11.0),
        time.monotonic(),
    )
    first = timed(cell(1), tmp_path)
    assert first.kind == "done" and first.left == 0
    end = timed(cell(2), tmp_path)
    assert end.kind == deadline.LEFT_OUT and ran == ["1"]
    assert end.text.startswith("left out: would take about ")


def test_a_run_that_may_just_fit_is_left_out(tmp_path):
    timed = deadline.within(
        lambda cell, root: time.sleep(0.1) or DONE,
        plan(1.0, i1=0.1, i2=0.85),
        time.monotonic(),
    )
    assert timed(cell(1), tmp_path).kind == "done"
    assert timed(cell(2), tmp_path).kind == deadline.LEFT_OUT


def test_the_first_run_that_is_left_starts_as_it_resumes(tmp_path):
    ends = iter([ALREADY_DONE, DONE])
    timed = deadline.within(
        lambda cell, root: next(ends), plan(10.0, i1=5.0, i2=11.0), time.monotonic()
    )
    assert timed(cell(1), tmp_path) == ALREADY_DONE
    assert timed(cell(2), tmp_path).kind == "done"


def test_finished_runs_are_done_after_the_time_too(tmp_path):
    record = {"run": {"id": "1", "ipc": 1, "num_classes": 3, "method": "dm"}}
    record["run"] |= {"dataset": "digits", "arch": "mlp", "init": "real"}
    workdir.write_json(tmp_path / "runs" / "1" / "record.json", record)
    workdir.write_status(tmp_path / "runs" / "1", "done")
    late = time.monotonic() - 11
    timed = deadline.within(pytest.fail, plan(10.0, i1=5.0, i2=5.0), late)
    assert timed(cell(1), tmp_path) == ALREADY_DONE
    assert timed(cell(2), tmp_path).kind == deadline.LEFT_OUT


@pytest.mark.parametrize(
    "kinds, line",
    [
        (["done", "done", "done"], ""),
        (["done", "left out", "done"], "ipc=2"),
        (["done", "left out", "left out"], "ipc=2; ipc=3"),
    ],
)
def test_what_is_left_out_is_named(capsys, kinds, line):
    ends = [End(kind, kind) for kind in kinds]
    deadline.say_left_out(plan(9.0, i1=1.0, i2=1.0, i3=1.0), ends, time.monotonic())
    words = f"left out, no time: {line}; the same command goes on with it\n"
    assert capsys.readouterr().out == (words if line else "")


@pytest.mark.parametrize(
    "ran, minutes",
    [
        (True, 12),  # 119 s in place of 60 s: 1.2 * 1.98 * (60 + 180) / 0.8 = 714 s
        (False, 8),  # 1.2 * (60 + 180) / 0.8 = 360 s after 119 s
    ],
)
def test_no_run_in_the_time_is_refused_with_what_would_do(ran, minutes):
    ends = [End("left out", "", ran=ran), End("left out", "")]
    began = time.monotonic() - 119
    with pytest.raises(InputError) as caught:
        deadline.say_left_out(plan(120.0, i1=60.0, i2=180.0), ends, began)
    assert str(caught.value) == (
        f"budget_minutes=2: no run ended in this time; give {minutes} or more, or the "
        "same command again, which goes on"
    )


def test_later_runs_are_expected_to_take_as_much_longer_as_earlier_ones(tmp_path):
    def slow(cell, root):
        time.sleep(0.2)
        return DONE

    timed = deadline.within(slow, plan(0.6, i1=0.05, i2=0.15), time.monotonic())
    assert timed(cell(1), tmp_path)._replace(left=None) == DONE
    assert timed(cell(2), tmp_path).kind == deadline.LEFT_OUT  # 0.6 s by now


def test_an_end_tells_what_the_runs_that_still_fit_will_take(tmp_path):
    timed = deadline.within(
        lambda cell, root: time.sleep(0.1) or DONE,
        plan(1.0, i1=0.1, i2=0.3, i3=0.2, i4=9.0),
        time.monotonic(),
    )
    assert timed(cell(1), tmp_path).left == pytest.approx(0.5, rel=0.3)


def test_finished_runs_tell_no_speed(tmp_path):
    ends = iter([ALREADY_DONE, DONE])
    timed = deadline.within(
        lambda cell, root: next(ends), plan(10.0, i1=5.0, i2=9.0), time.monotonic()
    )
    assert timed(cell(1), tmp_path) == ALREADY_DONE
    assert timed(cell(2), tmp_path).kind == "done"


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
    assert 0.97 * 0.5 <= time.monotonic() - began < 5


def test_ctrl_c_still_ends_all(tmp_path):
    def stopped(cell, root):
        raise Interrupted(2)

    timed = deadline.within(stopped, plan(9.0, i1=0.1), time.monotonic())
    with pytest.raises(Interrupted):
        timed(cell(1), tmp_path)
