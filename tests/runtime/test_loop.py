"""The host loop: its calls, log, saves, resumption and divergence."""

import io
import json
import math
import sys
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.runtime import loop as module
from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.loop import Diverged, array_digest, run_loop, steady_seconds

START = {"x": jnp.float32([0.3, 0.4])}


class Loop:
    """A chaotic recurrence: a step missed or made twice shows in the state."""

    def __init__(self, fail_at=None, losses=None):
        self.calls, self.fail_at, self.losses = [], fail_at, losses or {}

    def __call__(self, state, first, last):
        if first == self.fail_at:
            raise KeyboardInterrupt
        self.calls.append((first, last))
        x = np.asarray(state["x"])
        for step in range(first, last):
            x = (np.float32(3.9) * x * (1 - x) + np.float32(step / 1000)) % 1
        loss = self.losses.get(last, float(x.mean()))
        return {"x": jnp.asarray(x)}, {"loss": jnp.float32(loss), "steps": last - first}


def run(loop, **kw):
    kw = {"total": 10, "per_call": 3, "label": "toy"} | kw
    return run_loop(loop, START, **kw)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds a call of the loop, by a clock of the test's own."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    class Timed(Loop):
        def __call__(self, *arguments):
            clock.now += 10
            return super().__call__(*arguments)

    clock.Loop = Timed
    return clock


@pytest.fixture
def saves(monkeypatch):
    """Steps at which states were saved."""
    steps, save = [], Checkpoints.save

    def spy(self, step, *rest):
        steps.append(step)
        save(self, step, *rest)

    monkeypatch.setattr(Checkpoints, "save", spy)
    return steps


class Screen(io.StringIO):
    def __init__(self, tty):
        super().__init__()
        self.isatty = lambda: tty


@pytest.mark.parametrize(
    ("total", "per_call", "calls"),
    [
        (10, 3, [(0, 3), (3, 6), (6, 9), (9, 10)]),
        (6, 3, [(0, 3), (3, 6)]),
        (2, 5, [(0, 2)]),
        (0, 5, []),
    ],
)
@pytest.mark.parametrize("tty", [False, True])
def test_calls_cover_every_step_once(monkeypatch, tty, total, per_call, calls):
    monkeypatch.setattr(sys, "stderr", Screen(tty))
    loop = Loop()
    result = run(loop, total=total, per_call=per_call)
    assert loop.calls == calls
    expected, _ = Loop()(START, 0, total)
    np.testing.assert_array_equal(result.state["x"], expected["x"])


def test_progress_shows_on_a_terminal_only(monkeypatch):
    for tty in (True, False):
        screen = Screen(tty)
        monkeypatch.setattr(sys, "stderr", screen)
        run(Loop())
        text = screen.getvalue()
        if tty:
            assert "toy: 100%" in text and "10/10" in text and "loss=" in text
        else:
            assert text == ""


def test_the_log_has_a_row_for_each_call(tmp_path):
    run(Loop(), log=tmp_path / "metrics.jsonl")
    got = rows(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in got] == [3, 6, 9, 10]
    assert [row["steps"] for row in got] == [3, 3, 3, 1]
    x = START
    for row, (first, last) in zip(got, [(0, 3), (3, 6), (6, 9), (9, 10)]):
        x, info = Loop()(x, first, last)
        assert row["loss"] == float(info["loss"])


@pytest.mark.parametrize("save_seconds", [0, 15, 25, 1e9])
@pytest.mark.parametrize("fail_at", [0, 3, 9, 12])
def test_resumed_equals_unbroken(tmp_path, clock, save_seconds, fail_at):
    kw = {"total": 14, "save_seconds": save_seconds}
    unbroken = run(clock.Loop(), total=14, log=tmp_path / "whole.jsonl")
    kw |= {"folder": tmp_path / "states", "log": tmp_path / "metrics.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        run(clock.Loop(fail_at=fail_at), **kw)
    resumed = run(clock.Loop(), **kw)
    np.testing.assert_array_equal(resumed.state["x"], unbroken.state["x"])
    assert rows(tmp_path / "metrics.jsonl") == rows(tmp_path / "whole.jsonl")


def test_a_kill_between_log_and_save_leaves_no_row_twice(tmp_path, saves, monkeypatch):
    kw = {"folder": tmp_path / "s", "log": tmp_path / "m.jsonl", "save_seconds": 0}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        save = Checkpoints.save

        def killed(self, step, *rest):
            if step == 6:
                raise KeyboardInterrupt
            save(self, step, *rest)

        patch.setattr(Checkpoints, "save", killed)
        run(Loop(), **kw)
    assert [row["step"] for row in rows(tmp_path / "m.jsonl")] == [3, 6]
    again = Loop()
    run(again, **kw)
    assert again.calls[0] == (3, 6)
    assert [row["step"] for row in rows(tmp_path / "m.jsonl")] == [3, 6, 9, 10]


@pytest.mark.parametrize(
    ("save_seconds", "steps"),
    [(0, [3, 6, 9, 10]), (10, [3, 6, 9, 10]), (15, [6, 10]), (1e9, [10])],
)
def test_states_are_saved_at_intervals_and_at_the_end(
    tmp_path, clock, saves, save_seconds, steps
):
    run(clock.Loop(), folder=tmp_path, save_seconds=save_seconds)
    assert saves == steps


def test_no_folder_no_saves(saves):
    run(Loop(), save_seconds=0)
    assert saves == []


def test_what_compiling_takes_is_no_part_of_the_seconds(clock):
    class Compiled(clock.Loop):
        def __call__(self, state, first, last):
            clock.now += 500 * (first == 0)
            return super().__call__(state, first, last)

    assert run(Compiled()).seconds == 40


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1e3)), max_size=6))
def test_steady_seconds_are_no_more_than_all_of_them(calls):
    total = sum(seconds for _, seconds in calls)
    found = steady_seconds(calls)
    assert -1e-9 <= found <= total + 1e-9
    if len(calls) < 2:
        assert found == total
    even = [(n, 3.0 * n) for n, _ in calls]
    assert steady_seconds(even) == pytest.approx(sum(t for _, t in even))


def test_seconds_add_up_over_attempts(tmp_path, clock):
    assert run(clock.Loop()).seconds == 40
    with pytest.raises(KeyboardInterrupt):
        run(clock.Loop(fail_at=6), folder=tmp_path, save_seconds=0)
    assert run(clock.Loop(), folder=tmp_path, save_seconds=0).seconds == 40


def test_a_finished_loop_is_not_run_again(tmp_path, clock):
    first = run(clock.Loop(), folder=tmp_path)
    loop = clock.Loop()
    again = run(loop, folder=tmp_path)
    assert loop.calls == []
    assert again.seconds == first.seconds
    np.testing.assert_array_equal(again.state["x"], first.state["x"])


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_at_its_step(tmp_path, loss):
    kw = {"folder": tmp_path / "s", "log": tmp_path / "m.jsonl", "save_seconds": 0}
    loop = Loop(losses={9: loss})
    with pytest.raises(Diverged, match=f"^toy: loss is {loss} by step 9$"):
        run(loop, **kw)
    assert loop.calls[-1] == (6, 9)
    assert [row["step"] for row in rows(tmp_path / "m.jsonl")] == [3, 6]
    assert Checkpoints(tmp_path / "s" / array_digest(())).latest(START)[0] == 6


def test_a_state_that_is_not_finite_at_the_end_is_not_saved(tmp_path):
    last = lambda state, first, last: ({"x": state["x"] / 0}, {"loss": 1.0})
    with pytest.raises(Diverged, match="^toy: the state is not finite at step 1$"):
        run_loop(last, START, total=1, per_call=1, label="toy", folder=tmp_path)
    assert Checkpoints(tmp_path / array_digest(())).latest(START)[0] == 0


def test_other_inputs_have_a_place_of_their_own(tmp_path):
    first, second = np.arange(2), np.arange(3)
    run(Loop(), folder=tmp_path, inputs=first)
    loop = Loop()
    run(loop, folder=tmp_path, inputs=second)
    assert loop.calls
    again = Loop()
    run(again, folder=tmp_path, inputs=first)
    assert not again.calls


def interrupted(tmp_path, clock, fail_at=9, **kw):
    """A run of 14 steps that stops after a step, with a state for each call."""
    kw = {"total": 14, "save_seconds": 0, "folder": tmp_path / "s"} | kw
    kw |= {"log": tmp_path / "m.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        run(clock.Loop(fail_at=fail_at), **kw)
    return kw


@pytest.fixture
def unbroken(tmp_path, clock):
    """The last state of 14 steps and its rows."""
    result = run(clock.Loop(), total=14, log=tmp_path / "whole.jsonl")
    return result.state["x"], rows(tmp_path / "whole.jsonl")


@pytest.mark.parametrize(
    "content",
    [
        lambda text: text + text,  # two launchers wrote it
        lambda text: text[: len(text) // 2],
        lambda text: text + '{"step": 12, "loss": 0.5}\n{"st',
        lambda text: text.replace("0.", "1."),
        lambda text: "\x00\xff" * 50,
        lambda text: "",
        None,
    ],
)
def test_rows_are_one_a_step_whatever_became_of_the_log(
    tmp_path, clock, unbroken, content
):
    kw = interrupted(tmp_path, clock)
    if content is None:
        kw["log"].unlink()
    else:
        text = content(kw["log"].read_text())
        kw["log"].write_bytes(text.encode("latin-1"))
    result = run(clock.Loop(), **kw)
    np.testing.assert_array_equal(result.state["x"], unbroken[0])
    assert rows(kw["log"]) == unbroken[1]


@pytest.mark.parametrize("steps", [("9",), ("9", "6")])
def test_damaged_states_cost_steps_and_change_nothing(
    tmp_path, clock, unbroken, capsys, steps
):
    kw = interrupted(tmp_path, clock)
    (folder,) = kw["folder"].iterdir()
    for step in steps:
        (file,) = (folder / step / "default" / "d").iterdir()
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    capsys.readouterr()
    loop = clock.Loop()
    result = run(loop, **kw)
    np.testing.assert_array_equal(result.state["x"], unbroken[0])
    assert rows(kw["log"]) == unbroken[1]
    assert loop.calls[0] == ((6, 9) if len(steps) == 1 else (0, 3))
    printed = capsys.readouterr()
    (first,), (more,) = printed.err.splitlines(), printed.out.splitlines()
    assert first.startswith(f"toy: the state of step {', '.join(steps)} in ")
    if len(steps) == 1:
        assert first.endswith("; goes back to step 6")
        assert more == "toy: resumes at step 6 of 14"
    else:
        assert (
            first.endswith("; starts again from the beginning")
            and more == "toy: starts, 0 of 14"
        )


@pytest.mark.parametrize("tty", [False, True])
def test_without_a_terminal_a_line_says_where_a_run_resumes(
    tmp_path, clock, monkeypatch, capsys, tty
):
    kw = interrupted(tmp_path, clock, fail_at=6)
    lines = []
    for _ in range(2):  # the second time there is nothing left to do
        monkeypatch.setattr(sys, "stderr", Screen(tty))
        capsys.readouterr()
        run(clock.Loop(), **kw)
        lines.append(capsys.readouterr().out)
    if tty:
        assert lines == ["", ""]
    else:
        assert lines == ["toy: resumes at step 6 of 14\n", ""]


def test_a_shorter_loop_never_takes_a_later_state(tmp_path, clock):
    run(clock.Loop(), total=14, folder=tmp_path, save_seconds=0)
    short = run(clock.Loop(), total=6, folder=tmp_path, save_seconds=0)
    expected, _ = Loop()(START, 0, 6)
    np.testing.assert_array_equal(short.state["x"], expected["x"])
    loop = clock.Loop()
    run(loop, total=14, folder=tmp_path, save_seconds=0)
    assert loop.calls == []  # the later state is still there


def test_a_state_counts_while_what_was_written_beside_is_the_same(tmp_path, clock):
    kw = {"folder": tmp_path, "save_seconds": 0, "total": 12}
    run(clock.Loop(), **kw, written=lambda step: f"{step} vectors")
    for harmed, calls in ((99, 0), (12, 1), (9, 4)):
        written = lambda step, harmed=harmed: f"{step} vectors" + "!" * (step >= harmed)
        loop = clock.Loop()
        run(loop, **kw, written=written)
        assert len(loop.calls) == calls
        run(clock.Loop(), **kw, written=lambda step: f"{step} vectors")
