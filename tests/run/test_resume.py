"""Runs that are killed or diverge: what the next command makes of them."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tiny import BARE, MLP, ROOT, TINY, flags, launch, only_run, snapshot, status

from dd_jax.system import workdir

STEPS = 12
LONG = {"distill.steps": STEPS, "distill.steps_per_call": 1, "checkpoint_seconds": 0.0}


def kill_when(root, pattern, arguments, ready=lambda path: True, patience=300):
    """Starts launch in a process and kills it once `pattern` shows under its folder."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "launch.py", *arguments, f"--workdir={root}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        end = time.monotonic() + patience
        while not any(ready(path) for path in root.glob(pattern)):
            assert process.poll() is None, f"ended before {pattern} was there"
            assert time.monotonic() < end, f"{pattern} never came"
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def steps_logged(root):
    return [row["step"] for row in workdir.read_jsonl(only_run(root) / "metrics.jsonl")]


def comparable(root):
    """The Record without what differs between any two runs of a config."""
    record = workdir.read_json(only_run(root) / "record.json")
    return {key: value for key, value in record.items() if key != "cost"}


def assert_same_results(resumed, unbroken):
    for name in ("synthetic.npz", "images.png", "metrics.jsonl", "config.json"):
        files = [only_run(root) / name for root in (resumed, unbroken)]
        assert files[0].read_bytes() == files[1].read_bytes(), name
    assert comparable(resumed) == comparable(unbroken)
    assert steps_logged(resumed) == list(range(1, STEPS + 1))


@pytest.mark.slow
def test_a_killed_distillation_goes_on_to_the_same_bits(tmp_path):
    arguments = flags(BARE | MLP | LONG)
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    logged = lambda path: path.read_text().count("\n") >= 3
    kill_when(killed, "runs/*/metrics.jsonl", arguments, logged)
    assert status(killed) == "running"
    before = steps_logged(killed)
    assert 3 <= len(before) < STEPS
    saved = only_run(killed) / "checkpoints" / "distil"
    (saved,) = saved.iterdir()
    assert any(path.name.isdigit() for path in saved.iterdir())
    assert launch(*arguments, f"--workdir={killed}") == 0
    assert launch(*arguments, f"--workdir={unbroken}") == 0
    assert status(killed) == "done"
    assert_same_results(killed, unbroken)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The work directory of a run with every audit that nothing stopped."""
    root = tmp_path_factory.mktemp("unbroken")
    assert launch(*flags(TINY | MLP | LONG), f"--workdir={root}") == 0
    return root


MOMENTS = (  # in the order of a run
    "runs/*/status.json",
    "runs/*/checkpoints/distil/*/5*",
    "runs/*/checkpoints/distil/*/8*",
    "runs/*/synthetic.npz",
    "cache/*/full_data/*",
    "runs/*/model",
    "runs/*/checkpoints/shadow_distil/*/*",
    "runs/*/checkpoints/shadow_distil/*/7*",
    "runs/*/scores.npz",
    "runs/*/record.json",
    "report.html",
)


@pytest.mark.slow
def test_killed_at_every_moment(unbroken, tmp_path):
    arguments = flags(TINY | MLP | LONG)
    for moment in MOMENTS:
        kill_when(tmp_path, moment, arguments)
    assert launch(*arguments, f"--workdir={tmp_path}") == 0
    assert_same_results(tmp_path, unbroken)
    scores = [np.load(only_run(r) / "scores.npz") for r in (tmp_path, unbroken)]
    for name in scores[1].files:
        np.testing.assert_array_equal(scores[0][name], scores[1][name])
    assert (tmp_path / "report.html").is_file()
    assert not (only_run(tmp_path) / "checkpoints").exists()


@pytest.mark.slow
def test_a_diverging_cell_is_recorded_and_the_next_one_runs(tmp_path, capsys):
    experiment = tmp_path / "rates.py"
    experiment.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        "def sweep(): return product({'distill.lr': [1e30, 1.0]})\n"
    )
    arguments = [f"--config={experiment}", *flags(BARE | MLP), f"--workdir={tmp_path}"]
    assert launch(*arguments) == 1
    (problem,) = capsys.readouterr().err.splitlines()
    assert problem.startswith("[1/2] lr=1e+30 ... diverged: Diverged: ")
    found = {
        workdir.read_json(folder / "config.json")["distill"]["lr"]: folder
        for folder in (tmp_path / "runs").iterdir()
    }
    diverged = workdir.read_status(found[1e30])
    assert diverged["status"] == "diverged"
    assert "loss is" in diverged["error"] and "by step" in diverged["error"]
    assert not (found[1e30] / "record.json").exists()
    assert workdir.read_status(found[1.0])["status"] == "done"
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1
    assert (tmp_path / "report.html").is_file()
    # the finished cell is left alone; the other is tried again, to the same end
    before = snapshot(found[1.0])
    assert launch(*arguments) == 1
    assert "[2/2] lr=1.0 ... already done" in capsys.readouterr().out
    assert snapshot(found[1.0]) == before


def test_a_failed_run_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    from dd_jax.run import audit_context

    def broken(*args, **kw):
        raise MemoryError("too large")

    arguments = [*flags(BARE | MLP), f"--workdir={tmp_path}"]
    with monkeypatch.context() as patch:
        patch.setattr(audit_context, "logits_of_each", broken)
        assert launch(*arguments) == 1
    words = "failed: MemoryError: accuracy: too large; lower model.width (see "
    assert words in capsys.readouterr().err
    assert status(tmp_path) == "failed"
    made = (only_run(tmp_path) / "synthetic.npz").read_bytes()
    rows = (only_run(tmp_path) / "metrics.jsonl").read_bytes()
    assert launch(*arguments) == 0
    assert status(tmp_path) == "done"
    assert (only_run(tmp_path) / "synthetic.npz").read_bytes() == made
    assert (only_run(tmp_path) / "metrics.jsonl").read_bytes() == rows


def test_a_deleted_cache_is_made_again(tmp_path):
    arguments = [*flags(BARE | MLP), f"--workdir={tmp_path}"]
    assert launch(*arguments) == 0
    first = comparable(tmp_path)
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "runs")
    assert launch(*arguments) == 0
    assert comparable(tmp_path) == first
