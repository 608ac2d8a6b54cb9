"""A worker runs the cell that its launcher means, or none."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from dd_jax.executors import lost, worker
from dd_jax.executors.cells import Request, failed
from dd_jax.executors.element import Element
from dd_jax.system import locks, workdir
from dd_jax.types import InputError

REQUEST = Request(["config"], ["[1/1]"], Path("out"))


def prepared(config):
    return SimpleNamespace(id="a")


def test_a_cell_that_changed_is_not_run():
    attempts = []
    end = worker._run(REQUEST, 0, "b", prepared, attempts)
    assert end.kind == "failed" and "changed since the start" in end.text


def test_what_is_wrong_with_a_cell_is_its_end():
    def refuse(config):
        raise InputError("two\nlines")

    end = worker._run(REQUEST, 0, "a", refuse, None)
    assert end == failed("InputError: two lines")
    assert end.text == "failed: InputError: two lines"


def test_a_cell_is_run_in_the_work_directory(capsys):
    end = worker._run(REQUEST, 0, "a", prepared, lambda cell, root: (cell.id, root))
    assert end == ("a", Path("out")) and capsys.readouterr().out == "[1/1]\n"


def test_half_an_answer_is_none():
    with pytest.raises(ValueError):
        worker.answered('{"kind": "done", "text": "done", "ran": true, "owner": ""}')


@pytest.mark.parametrize("status", [None, "running"])
def test_a_loss_is_recorded_where_nothing_else_is(tmp_path, status):
    if status:
        workdir.write_status(tmp_path, status)
    lost.record_loss(tmp_path, "job 5 ended TIMEOUT")
    assert workdir.read_status(tmp_path)["error"] == "job 5 ended TIMEOUT"
    workdir.write_status(tmp_path, "diverged", "loss is nan")
    lost.record_loss(tmp_path, "later")
    assert workdir.read_status(tmp_path)["status"] == "diverged"


def test_the_loss_of_a_run_that_goes_on_is_not_recorded(tmp_path):
    workdir.write_status(tmp_path, "running")
    with locks.exclusive(tmp_path), pytest.raises(locks.Busy):
        lost.record_loss(tmp_path, "why")
    assert workdir.read_status(tmp_path)["status"] == "running"


@pytest.mark.parametrize(
    "script, text",
    [
        (f"echo '{json.dumps(failed('x')._asdict())}'", "failed: x"),
        ("kill -9 $$", f"its process {lost.how_ended(-9, 'raise --slurm.mem')}"),
        ("exit 2", "its process ended with status 2"),
    ],
)
def test_an_element_records_how_its_process_ended(tmp_path, script, text):
    run = tmp_path / "runs" / "a"
    element = Element(("sh", "-c", script), 0, "a", run, tmp_path)
    assert element() == text
    error = text.removeprefix("failed: ")  # what prints it says so already
    assert workdir.read_status(run) == {"status": "failed", "error": error}
