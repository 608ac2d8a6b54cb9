"""Command lines with a time budget: what is refused, and a whole job."""

import re
import time

import pytest
from tiny import BARE, MLP, ROOT, flags, launch

from dd_jax import run
from dd_jax.executors import time_plan
from dd_jax.executors.plan_levels import Level
from dd_jax.system import workdir

SMALL = {
    key: value
    for key, value in (BARE | MLP).items()
    if key not in ("distill.ipc", "distill.steps")
}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            [f"--config={ROOT / 'experiments' / 'digits_methods.py'}"],
            "budget_minutes=5: .*digits_methods.py has a sweep of its own; take 0",
        ),
        (["--executor=local"], "runs are made in this process; leave --executor"),
        (["--distributed=auto"], "runs are made in this process; leave --executor"),
        (["--config.distill.method=mtt"], "distill.method=mtt: its time is not fore"),
        (["--config.distill.ipc=0"], "distill.ipc=0"),
        (["--config.budget_minutes=-1"], "budget_minutes=-1"),
        (
            ["--config.decision.accuracy_loss.amber=0.5"],
            "decision.accuracy_loss.red=0.1: must be at least .*amber=0.5",
        ),
        (["--fail_on=red"], "--fail_on=red: needs --config.decision.enabled=True"),
    ],
)
def test_refusals_before_the_machine_is_timed(
    tmp_path, capsys, monkeypatch, arguments, words
):
    out = f"--workdir={tmp_path / 'new'}"
    monkeypatch.setattr(run, "seconds_a_pass", lambda cell: pytest.fail("timed"))
    status = launch("--config.budget_minutes=5", *flags(MLP), *arguments, out)
    found = capsys.readouterr().err
    assert status == 2 and found.count("\n") == 1 and re.search(words, found), found
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_whole_job_ends_in_its_time_and_goes_on(tmp_path, monkeypatch, capsys):
    little = "--config.budget_minutes=0.001", *flags(SMALL), f"--workdir={tmp_path}"
    assert launch(*little) == 2
    assert "budget_minutes=0.001: too little" in capsys.readouterr().err
    monkeypatch.setattr(time_plan, "LEVELS", (Level(8, 4, 4, 1, 4, 10),))
    command = "--config.budget_minutes=1", *flags(SMALL), f"--workdir={tmp_path}"
    began = time.monotonic()
    assert launch(*command) == 0
    assert time.monotonic() - began < 66
    first = capsys.readouterr().out
    plan = workdir.read_json(tmp_path / "plan.json")
    done = sorted(path.parent.name for path in tmp_path.glob("runs/*/record.json"))
    assert "plan for 60 s: " in first
    left = first.count("left out: ")
    assert 2 <= len(done) == len(plan["points"]) - left
    assert launch(*command) == 0  # what was left out, if anything
    assert workdir.read_json(tmp_path / "plan.json") == plan
    assert set(done) <= {p.parent.name for p in tmp_path.glob("runs/*/record.json")}
    assert "already done" in capsys.readouterr().out
