"""How long runs take, reckoned from a few steps of each stage."""

from pathlib import Path

import jax.numpy as jnp
import pytest
from tiny import BARE, MLP, flags, launch, make

from dd_jax import run
from dd_jax.run import duration
from dd_jax.runtime.loop import LoopResult


class Device:
    """Steps take a second each, the first call a minute more."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(duration.time, "perf_counter", lambda: self.now)

    def advance(self, state, first, last):
        self.now += last - first + (0 if self.calls else 60)
        self.calls.append((first, last))
        return state + last - first, {"loss": jnp.float32(0)}


def reckon(device, known, total, per_call, seconds, folder="a"):
    loop = duration._first_steps(known, seconds)
    state = jnp.int32(0)
    return loop(
        device.advance, state, total=total, per_call=per_call, folder=Path(folder)
    )


@pytest.mark.parametrize(
    ("seconds", "calls"),
    [
        (0.5, [(0, 1), (1, 2)]),
        (4.0, [(0, 1), (1, 2), (2, 4), (4, 8)]),
        (99.0, [(0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 26)]),
    ],
)
def test_calls_grow_up_to_the_least_time_or_a_whole_call(monkeypatch, seconds, calls):
    device = Device(monkeypatch)
    found = reckon(device, {}, 1000, 10, seconds)
    assert device.calls == calls
    assert found == LoopResult(calls[-1][1], 60.0 + 1000.0)  # compiles once


def test_no_step_beyond_the_last(monkeypatch):
    device = Device(monkeypatch)
    assert reckon(device, {}, 2, 10, 99.0).seconds == 62.0
    assert device.calls == [(0, 1), (1, 2)]


def test_a_stage_of_one_step_takes_what_it_took(monkeypatch):
    assert reckon(Device(monkeypatch), {}, 1, 1, 99.0).seconds == 61.0


def test_what_runs_share_counts_once(monkeypatch):
    device, known = Device(monkeypatch), {}
    assert reckon(device, known, 100, 10, 0.5, "shared").seconds > 0
    assert reckon(device, known, 100, 10, 0.5, "shared").seconds == 0
    assert reckon(device, known, 100, 10, 0.5, "other").seconds > 0


MTT = {
    "distill__method": "mtt",
    "distill__mtt__experts": 3,
    "distill__mtt__max_start": 1,
    "distill__mtt__expert_epochs": 1,
    "distill__mtt__student_steps": 2,
}


@pytest.mark.parametrize(
    ("two", "own", "shared"),
    [
        (
            [{"distill__method": name} for name in ("random", "herding")],
            {"train"},
            {"random_subset", "full_data"},
        ),
        pytest.param(
            [MTT | {"distill__init": name} for name in ("real", "noise")],
            {"distill", "train"},
            {"experts", "random_subset", "full_data"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_runs_share_is_counted_at_the_first(two, own, shared):
    configs = [make(BARE | MLP, **changes) for changes in two]
    first, second = run.durations(map(run.prepared, configs), seconds=0.0)
    assert first.keys() == own | shared
    assert second.keys() == own


def test_the_command_says_it_for_each_run_and_for_all(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stages = {"distill": 7200.0, "full_data": 60.0}
    monkeypatch.setattr(run, "durations", lambda cells: (stages for _ in cells))
    given = flags(BARE | MLP, audits__fairness__enabled=True)
    assert launch(*given, "--estimate", "--workdir=w") == 0
    cell, total = capsys.readouterr().out.splitlines()
    assert cell.startswith("[1/1] quickstart  run ")
    assert cell.endswith("  new  2.0 h: distill 2.0 h, full data 60 s")
    assert total.startswith("all: 2.0 h, without the audits ")
    assert "fairness" in total and "robustness" not in total
    assert not list(tmp_path.iterdir())
