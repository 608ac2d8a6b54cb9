"""A sweep on the real Slurm, started on this machine by the test."""

import os
import subprocess
import sys
import time

import loopback
import pytest
from tiny import BARE, MLP, ROOT, flags, launch

from dd_jax.executors import slurm_commands
from dd_jax.system import workdir

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(loopback.MISSING), reason=f"no {', '.join(loopback.MISSING)} here"
    ),
]
STEPS = 60
LONG = {"distill.steps_per_call": 1, "checkpoint_seconds": 0.0}
SWEEP = """
from dd_jax import config
from dd_jax.config.sweep import product
get_config = config.default
def sweep(): return product({{'distill.lr': {rates}}})
"""


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory):
    pytest.importorskip("submitit")
    with loopback.slurm(tmp_path_factory.mktemp("slurm")):
        yield


def arguments(folder, rates, steps=STEPS):
    experiment = folder / "rates.py"
    experiment.write_text(SWEEP.format(rates=rates))
    changes = BARE | MLP | LONG | {"distill.steps": steps}
    return [f"--config={experiment}", *flags(changes), f"--workdir={folder / 'out'}"]


def start(given, *more):
    command = [sys.executable, ROOT / "launch.py", *given, "--executor=slurm", *more]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def ended(process, status=0):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == status, out
    return out


def wait_for(question, process=None):
    end = time.monotonic() + 200
    while not (answer := question()):
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.1)
    return answer


def runs(folder):
    return sorted((folder / "out" / "runs").iterdir())


def statuses(folder):
    return sorted(workdir.read_status(run)["status"] for run in runs(folder))


def under_way(folder):
    """A run that has saved a state, with the job that runs it."""
    for path in folder.glob("out/runs/*/checkpoints/distil/*/8*"):
        rows = workdir.read_jsonl(folder / "out" / "slurm" / "jobs.jsonl")
        jobs = {row["run"]: row["job"] for row in rows}
        if path.parents[3].name in jobs and (path.parents[3] / ".lock").exists():
            return path.parents[3], jobs[path.parents[3].name]
    return None


def sets(folder):
    return {run.name: (run / "synthetic.npz").read_bytes() for run in runs(folder)}


def slurm(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_arrays_a_failing_cell_and_the_same_command_again(tmp_path, capsys):
    """A rate that is far too high diverges; an array has three jobs at most."""
    given = arguments(tmp_path, [0.5, 1.0, 1e30, 2.0], steps=8)
    out = ended(start(given), status=1)
    assert out.count("submitted ") == 2 and "submitted 3 cells as job " in out
    assert statuses(tmp_path) == ["diverged", "done", "done", "done"], out
    assert "... diverged: Diverged: " in out and "report: " in out
    lines = workdir.read_jsonl(tmp_path / "out" / "results.jsonl")
    assert len({line["run"]["id"] for line in lines}) == 3
    assert launch(*given, "--status") == 0
    assert "4 cells: 3 done, 1 diverged" in capsys.readouterr().out


def test_a_cancelled_cell_is_resumed_by_the_same_command(tmp_path):
    given = arguments(tmp_path, [0.5, 1.0])
    first = start(given)
    run, job = wait_for(lambda: under_way(tmp_path), first)
    slurm("scancel", job)
    out = ended(first, status=1)
    assert f"failed: job {job} ended CANCELLED" in out, out
    assert statuses(tmp_path) == ["done", "failed"]
    assert "CANCELLED" in workdir.read_status(run)["error"]
    out = ended(start(given))
    assert "submitted 1 cells" in out and statuses(tmp_path) == ["done", "done"]
    logs = (tmp_path / "out" / "slurm").glob("*.err")
    assert any("distill: resumes at step " in path.read_text() for path in logs)
    alone = tmp_path / "alone"
    alone.mkdir()
    assert launch(*arguments(alone, [0.5, 1.0])) == 0
    assert sets(alone) == sets(tmp_path)


@pytest.mark.parametrize("by", ["preemption", "signal"])
def test_a_cell_that_is_queued_again_resumes(tmp_path, by):
    """The launcher is killed meanwhile, and started again before the end."""
    given = arguments(tmp_path, [0.5])
    first = start(given)
    _, job = wait_for(lambda: under_way(tmp_path), first)
    first.kill()
    first.communicate()
    if by == "preemption":
        slurm("sbatch", "--partition=high", "-n2", "--output=/dev/null", "--wrap=true")
    else:  # what Slurm sends before a time limit
        slurm("scancel", "--signal=USR2", job)
    wait_for(lambda: "Restarts=1" in slurm("scontrol", "show", "job", job))
    out = ended(start(given))
    assert "1 cells are in the queue already" in out and "submitted" not in out
    assert f"done as job {job}" in out and statuses(tmp_path) == ["done"]
    log = (tmp_path / "out" / "slurm" / f"{job}_0_log.err").read_text()
    assert "distill: resumes at step " in log


@pytest.mark.parametrize(
    "more, why",
    [
        (["--slurm.partition=nope"], "invalid partition specified: nope"),
        (
            ["--slurm.partition=team", "--slurm.account=no"],
            "partition team allows team",
        ),
        (["--slurm.gres=gpu:9"], "Invalid generic resource"),
        (["--slurm.cpus=64"], "configuration is not available"),
        (["--slurm.time=2:00:00"], "partition low allows 1:00:00"),
        (["--slurm.time=soon"], "--slurm.time=soon: write MINUTES"),
    ],
)
def test_what_slurm_refuses_is_one_line_and_status_2(tmp_path, capsys, more, why):
    assert launch(*arguments(tmp_path, [0.5]), "--executor=slurm", *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and why in line
    assert slurm_commands.queued() == {} and not (tmp_path / "out").exists()


def test_a_folder_that_nodes_do_not_see_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(slurm_commands, "_hosts", lambda partition: {"node-7"})
    assert launch(*arguments(tmp_path, [0.5]), "--executor=slurm") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the compute nodes (node-7, ...) do not see" in line
    assert slurm_commands.queued() == {} and not (tmp_path / "out").exists()
