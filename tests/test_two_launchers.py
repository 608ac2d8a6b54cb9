"""Two launchers on one work directory leave what one alone leaves."""

import os
import subprocess
import sys
import time

import pytest
from tiny import BARE, MLP, ROOT, flags, launch

from dd_jax.system import workdir

pytestmark = pytest.mark.slow
STEPS = 30
LONG = {"distill.steps": STEPS, "distill.steps_per_call": 1, "checkpoint_seconds": 0.0}
RATES = (0.5, 1.0)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """The command line of a sweep of two cells, without its work directory."""
    experiment = tmp_path_factory.mktemp("sweep") / "rates.py"
    experiment.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        f"def sweep(): return product({{'distill.lr': {list(RATES)}}})\n"
    )
    return [f"--config={experiment}", *flags(BARE | MLP | LONG)]


def start(arguments, root):
    return subprocess.Popen(
        [sys.executable, ROOT / "launch.py", *arguments, f"--workdir={root}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def ended(process):
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return out


def results(root):
    """Files and Records of the runs of a work directory, by run id."""
    found = {}
    for folder in sorted((root / "runs").iterdir()):
        assert workdir.read_status(folder)["status"] == "done"
        record = workdir.read_json(folder / "record.json")
        files = ("synthetic.npz", "metrics.jsonl", "images.png", "config.json")
        found[folder.name] = [(folder / name).read_bytes() for name in files]
        found[folder.name].append({k: v for k, v in record.items() if k != "cost"})
        rows = workdir.read_jsonl(folder / "metrics.jsonl")
        assert [row["step"] for row in rows] == [*range(1, STEPS + 1)]
    lines = workdir.read_jsonl(root / "results.jsonl")
    assert [line["run"]["id"] for line in lines] == [*found]
    assert (root / "report.html").is_file()
    left = [path for path in root.rglob(".*") if path.is_file()]
    assert left == [] and not list(root.rglob("checkpoints"))
    return found


@pytest.fixture(scope="module")
def alone(arguments, tmp_path_factory):
    root = tmp_path_factory.mktemp("alone")
    assert launch(*arguments, f"--workdir={root}") == 0
    return results(root)


def wait_for(root, pattern, process):
    """Waits until something below a folder has a name that a process gives it."""
    end = time.monotonic() + 300
    while not list(root.glob(pattern)):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)


def test_one_passes_by_what_the_other_runs(arguments, alone, tmp_path, capsys):
    first = start(arguments, tmp_path)
    wait_for(tmp_path, "runs/*/status.json", first)
    assert launch(*arguments, f"--workdir={tmp_path}") == 0
    said = ended(first)
    out, err = capsys.readouterr()
    assert "failed" not in err and f"is being run by {first.pid} on " in out
    assert results(tmp_path) == alone
    assert (said + out).count("... done in") == len(RATES)  # each cell ran once


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 1.5])
def test_side_by_side(arguments, alone, tmp_path, apart):
    first = start(arguments, tmp_path)
    time.sleep(apart)
    second = start(arguments, tmp_path)
    outs = [ended(first), ended(second)]
    assert results(tmp_path) == alone
    said = "".join(outs)
    assert f"is being run by {first.pid} on " in said or "already done" in said
    assert said.count("... done in") == len(RATES)  # each cell ran once
    assert "failed" not in said and "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["runs/*/checkpoints/distil/*/8*", "cache/*/*/*"])
def test_one_is_killed_and_the_other_takes_over(arguments, alone, tmp_path, moment):
    first = start(arguments, tmp_path)
    wait_for(tmp_path, "runs", first)
    second = start(arguments, tmp_path)
    wait_for(tmp_path, moment, first)
    first.kill()
    first.communicate()
    ended(second)
    assert results(tmp_path) == alone
