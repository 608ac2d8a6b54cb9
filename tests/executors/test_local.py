"""Workers: each cell is run once, and one that dies leaves the others alone."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from tiny import BARE, MLP, ROOT, flags, launch

from dd_jax.executors.local import run_side_by_side
from dd_jax.executors.shares import shares
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError

WORKER = """
import json, os, sys, time
for line in sys.stdin:
    number = json.loads(line)["number"]
    open(f"{number}.ran", "a").write(f"{os.getpid()}\\n")
    end = {"kind": "done", "text": "done in 0 s", "ran": True, "owner": ""}
    exec(sys.argv[1])
    print(json.dumps(end), flush=True)
"""
WAITS = """
while number == 4 and not os.path.exists("1.ran"):
    time.sleep(0.01)
"""
DIES = "if number == 1: os.kill(os.getpid(), 9)"


@pytest.fixture
def side_by_side(tmp_path, monkeypatch):
    """Runs five cells by two workers that do what some code says."""
    monkeypatch.chdir(tmp_path)

    def run(code="pass", count=5, workers=2):
        cells = [SimpleNamespace(id=f"{i:012x}") for i in range(count)]
        labels = [f"[{i + 1}]" for i in range(count)]
        command = [sys.executable, "-c", WORKER, code]
        parts = shares(workers, [0], [])
        return run_side_by_side(cells, labels, tmp_path, command, parts)

    return run


def test_each_cell_is_run_once_by_few_workers(side_by_side, tmp_path, capsys):
    assert {end.kind for end in side_by_side(WAITS)} == {"done"}
    ran = [(tmp_path / f"{i}.ran").read_text().split() for i in range(5)]
    assert [len(pids) for pids in ran] == [1] * 5
    assert ran[0] == ran[1] and ran[2] != ran[0]  # neighbours share a worker
    assert len({pid for (pid,) in ran}) == 2
    assert capsys.readouterr().out.count("... done in 0 s") == 5


@pytest.mark.slow
def test_what_a_config_file_prints_is_no_answer(tmp_path):
    text = "print('hello')\nfrom dd_jax import config\nget_config = config.default\n"
    (tmp_path / "talks.py").write_text(text)
    command = [sys.executable, ROOT / "launch.py", f"--config={tmp_path / 'talks.py'}"]
    sent = '{"number": 0, "id": "of another run"}\n'
    done = subprocess.run(
        [*command, "--executor=worker"], input=sent, capture_output=True, text=True
    )
    assert "hello" in done.stderr
    assert "changed since the start" in json.loads(done.stdout)["text"]


def test_a_worker_that_is_killed_loses_its_cell_alone(side_by_side, tmp_path, capsys):
    folder = workdir.run_folder(tmp_path, f"{1:012x}")
    workdir.write_status(folder, "running")
    kinds = [end.kind for end in side_by_side(DIES)]
    assert kinds == ["done", "failed", "done", "done", "done"]
    row = workdir.read_status(folder)
    assert row["status"] == "failed"
    assert "SIGKILL, as where memory runs out; then lower distill." in row["error"]
    assert "or lower --workers" in row["error"]
    assert row["error"] in capsys.readouterr().err


def test_the_workers_stop_where_the_disk_is_full(side_by_side, tmp_path):
    full = "end = end | {'kind': 'full', 'text': 'x: no room'} if number == 2 else end"
    with pytest.raises(WriteError, match=r"^\[3\]: x: no room$"):
        side_by_side(full, workers=1)
    assert len([*tmp_path.glob("*.ran")]) == 3


def test_a_worker_that_does_not_start_fails_its_cells(side_by_side):
    ends = side_by_side("raise SystemExit(2)")
    assert {end.kind for end in ends} == {"failed"}
    assert all("ended with status 2 (see " in end.text for end in ends)


def test_why_a_cell_failed_before_its_run_started_is_kept(side_by_side, tmp_path):
    fails = "end |= {'kind': 'failed', 'text': 'failed: x', 'error': 'x'}"
    side_by_side(f"if number == 2: {fails}")
    row = workdir.read_status(workdir.run_folder(tmp_path, f"{2:012x}"))
    assert row == {"status": "failed", "error": "x"}


def test_cells_elsewhere_are_tried_again(side_by_side, tmp_path):
    busy = "end |= {'kind': 'busy', 'text': 'is being run by 7 on x', 'owner': '7'}"
    ends = side_by_side(f"if number == 2 and not os.path.exists('4.ran'): {busy}")
    assert {end.kind for end in ends} == {"done"}
    ends = side_by_side(f"if number == 2: {busy}")
    assert [end.kind for end in ends] == ["done", "done", "busy", "done", "done"]


# Real runs

LONG = {"distill.steps": 40, "distill.steps_per_call": 1, "checkpoint_seconds": 0.0}


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    experiment = tmp_path_factory.mktemp("sweep") / "rates.py"
    experiment.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        "def sweep(): return product({'distill.lr': [0.25, 0.5, 1.0, 2.0]})\n"
    )
    return [f"--config={experiment}", *flags(BARE | MLP | LONG)]


@pytest.fixture(scope="module")
def alone(arguments, tmp_path_factory):
    root = tmp_path_factory.mktemp("alone")
    assert launch(*arguments, f"--workdir={root}") == 0
    return sets(root)


def sets(root):
    """The sets of the runs of a work directory, all done, each in the results once."""
    folders = sorted((root / "runs").iterdir())
    assert {workdir.read_status(folder)["status"] for folder in folders} == {"done"}
    lines = workdir.read_jsonl(root / "results.jsonl")
    assert sorted(line["run"]["id"] for line in lines) == [f.name for f in folders]
    return {folder.name: (folder / "synthetic.npz").read_bytes() for folder in folders}


def start(arguments, root):
    command = [sys.executable, ROOT / "launch.py", *arguments, f"--workdir={root}"]
    return subprocess.Popen(
        [*command, "--executor=local", "--workers=2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def owners(root, least, process):
    """Process ids of the workers, once at least some cells are under way."""
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        at = [path.parents[3] for path in root.glob("runs/*/checkpoints/distil/*/8*")]
        locks = [folder / ".lock" for folder in {*at}]
        found = [json.loads(path.read_text())["pid"] for path in locks if path.exists()]
        if len(found) >= least:
            return found
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0])


def gone(pids):
    end = time.monotonic() + 300  # a worker whose launcher was killed ends its cell
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_killed_worker_a_stop_and_a_killed_launcher(arguments, alone, tmp_path):
    first = start(arguments, tmp_path)
    victim, *_ = owners(tmp_path, 1, first)
    os.kill(victim, signal.SIGKILL)
    out, _ = first.communicate()
    assert first.returncode == 1 and out.count("... done in") == 3, out
    assert f"worker {victim} was killed by SIGKILL" in out
    rows = [workdir.read_status(f) for f in (tmp_path / "runs").iterdir()]
    assert [row["error"] for row in rows if row["status"] == "failed"] != []

    second = start(arguments, tmp_path)  # the one cell that is left
    workers = owners(tmp_path, 1, second)
    second.terminate()
    out, _ = second.communicate()
    assert second.returncode == 143 and "to resume, run again" in out, out
    gone(workers)

    third = start(arguments, tmp_path)
    workers = owners(tmp_path, 1, third)
    third.kill()
    third.communicate()
    last = start(arguments, tmp_path)
    out, _ = last.communicate()
    assert last.returncode == 0 or "elsewhere" in out, out
    gone(workers)
    assert launch(*arguments, f"--workdir={tmp_path}") == 0
    assert sets(tmp_path) == alone
