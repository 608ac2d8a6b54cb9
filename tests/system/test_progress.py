"""Lines of progress where there is no terminal, a bar where there is one."""

import errno
import io
import os
import re
import sys
import time

import pytest

from dd_jax.system import progress
from dd_jax.system.disk import WriteError
from dd_jax.system.notice import notice


@pytest.fixture
def often(monkeypatch):
    """A line every 20 ms in place of every minute."""
    monkeypatch.setattr(progress, "_BETWEEN_LINES", 0.02)


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def wait_for_line(capsys, pattern):
    for _ in range(500):
        for line in lines(capsys):
            if re.fullmatch(pattern, line):
                return
        time.sleep(0.01)
    pytest.fail(f"no line like {pattern}")


def test_a_line_at_the_start_and_lines_while_it_runs(often, capsys):
    with progress.progress("distill", 100) as show:
        assert "distill: starts, 0 of 100" in lines(capsys)
        wait_for_line(capsys, r"distill: 0 of 100 in 0 s")
        show(3, {"loss": 0.1239})
        wait_for_line(capsys, r"distill: 3 of 100 in 0 s, ETA \d+ s, loss 0.1239")
    lines(capsys)
    time.sleep(0.1)
    assert lines(capsys) == []


def test_no_more_than_the_first_line_in_the_first_minute(capsys):
    with progress.progress("distill", 2) as show:
        show(1, {})
        show(2, {})
    assert lines(capsys) == ["distill: starts, 0 of 2"]


def test_a_resumed_loop_says_from_where(capsys):
    with progress.progress("distill", 100, initial=90):
        pass
    assert lines(capsys) == ["distill: resumes at step 90 of 100"]


def test_a_finished_loop_says_nothing(capsys):
    with progress.progress("distill", 100, initial=100):
        pass
    assert lines(capsys) == []


def test_an_error_ends_the_lines(often, capsys):
    with pytest.raises(ZeroDivisionError):
        with progress.progress("distill", 2):
            raise ZeroDivisionError
    lines(capsys)
    time.sleep(0.1)
    assert lines(capsys) == []


def test_items_with_their_progress(capsys):
    assert list(progress.shown("abc", "attacks")) == ["a", "b", "c"]
    assert lines(capsys) == ["attacks: starts, 0 of 3"]


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.progress("distill", 4, initial=1) as show:
        show(4, {"loss": 0.5})
    assert "distill: 100%" in terminal.getvalue()
    assert "loss=0.5" in terminal.getvalue()


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_output_that_cannot_be_written_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(WriteError, match=r"^standard output: .*\(No space left on de"):
        progress.say("a line")


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_lines_while_it_runs_end_quietly_where_output_cannot_be_written(
    often, monkeypatch, capsys
):
    with progress.progress("distill", 100), monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Full())
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_notice_that_cannot_be_written_stops_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    notice("a line")


def test_lines_and_bars_say_how_far_the_whole_job_is(monkeypatch, capsys):
    times = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    part = progress.Part(30.0, 40.0, 100.0, 0.0)
    assert part.words() == "30 %, ETA 70 s"
    assert part.words() == "40 %, ETA 60 s"
    late = progress.Part(30.0, 5.0, 100.0, 0.0)
    assert late.words() == "35 %, ETA 65 s"  # no more than is expected of the part


def test_one_bar_goes_on_through_all_loops(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.part_of_all(60.0, 1e-9, 100.0):
        for label in ("distil", "train"):
            with progress.progress(label, 4) as show:
                show(2, {"loss": 1.0})
    found = capsys.readouterr().err
    assert "60%" in found and "ETA 40 s, train 2/4" in found
    assert "0%|" not in found
