"""What a watcher says follows from the files of a work directory alone."""

import json
import os
import subprocess
import sys

import pytest
from tiny import ROOT

from dd_jax import config
from dd_jax.executors import watch
from dd_jax.executors.find import run_folders
from dd_jax.executors.seen import Seen, look, summary
from dd_jax.system import workdir
from dd_jax.system.disk import file_digest

EXPERIMENT = """
from dd_jax import config
from dd_jax.config.sweep import product
get_config = config.default
def sweep(): return product({"distill.ipc": [1, 2, 3, 4, 5]})
"""


def cell(ipc):
    return config.override(config.default(), {"distill.ipc": ipc}, "test")


def write(root, ipc, status, error=None, steps=0, owner=None, record=None):
    """A folder as a run leaves it."""
    folder = workdir.run_folder(root, f"{ipc:012x}")
    workdir.write_json(folder / "config.json", json.loads(cell(ipc).to_json()))
    workdir.write_status(folder, status, error)
    rows = [{"step": step + 1, "loss": 1.0} for step in range(steps)]
    workdir.write_jsonl(folder / "metrics.jsonl", rows)
    if owner:
        row = {"pid": owner, "host": os.uname().nodename}
        (folder / ".lock").write_text(json.dumps(row))
    if record:
        workdir.write_json(folder / "record.json", record)
    return folder


@pytest.fixture
def root(tmp_path):
    accuracy = {"accuracy": {"distilled": {"mean": 0.5, "ci": None, "n": 1}}}
    write(tmp_path, 1, "done", record=accuracy)
    write(tmp_path, 2, "running", steps=3, owner=os.getpid())
    write(tmp_path, 3, "running", steps=5, owner=2**22 + 1)  # no such process
    write(tmp_path, 4, "failed", "ValueError: two\nlines")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "config.json").write_text("{")
    return tmp_path


def test_states(root):
    folders = run_folders(root, [cell(ipc) for ipc in range(1, 6)])
    assert [f and f.name for f in folders] == [f"{i:012x}" for i in (1, 2, 3, 4)] + [
        None
    ]
    seen = [look(folder) for folder in folders]
    kinds = ["done", "running", "interrupted", "failed", "new"]
    assert [one.kind for one in seen] == kinds
    total = config.default().distill.steps
    assert [one.detail for one in seen] == [
        "accuracy 50.0 %",
        f"distil 3 of {total}",
        f"distil 5 of {total}",
        "ValueError: two lines",
        "",
    ]
    assert summary(seen).startswith("5 cells: 1 done, 1 running, 1 failed, 1 interr")


def test_a_run_whose_record_was_changed_or_lost_is_not_done(tmp_path):
    folder = write(tmp_path, 1, "done", record={"accuracy": {}})
    record = folder / "record.json"
    workdir.write_status(folder, "done", record=file_digest(record))
    assert look(folder).kind == "done"
    record.write_text(record.read_text()[:-5])
    assert look(folder).kind == "damaged"
    record.unlink()
    assert look(folder).kind == "damaged"


def test_a_done_run_whose_config_was_damaged_is_found_and_damaged(tmp_path):
    kept = {"run": {"config": config.changed_in_json(cell(1))}}
    folder = write(tmp_path, 1, "done", record=kept)
    workdir.write_status(
        folder,
        "done",
        record=file_digest(folder / "record.json"),
        files={"config.json": file_digest(folder / "config.json")},
    )
    assert run_folders(tmp_path, [cell(1)]) == [folder]
    assert look(folder).kind == "done"
    (folder / "config.json").write_text("{")
    assert run_folders(tmp_path, [cell(1), cell(2)]) == [folder, None]
    why = "config.json is not the one that was written"
    assert look(folder) == Seen("damaged", why)
    (folder / "config.json").unlink()  # what may be deleted
    assert run_folders(tmp_path, [cell(1)]) == [folder]
    assert look(folder).kind == "done"


def test_damaged_files_are_a_state(root):
    (root / "runs" / f"{2:012x}" / "status.json").write_text("{")
    (root / "runs" / f"{1:012x}" / "record.json").write_text("{")
    assert look(root / "runs" / f"{2:012x}").kind == "damaged"
    unknown = write(root, 6, "of another version")
    assert look(unknown) == Seen("damaged", "status.json says of another version")
    assert look(root / "runs" / f"{1:012x}") == Seen(
        "done", seconds=pytest.approx(0, abs=9)
    )
    (root / "runs" / f"{3:012x}" / "metrics.jsonl").write_text("x\ny\n")
    assert look(root / "runs" / f"{3:012x}").detail == ""


@pytest.mark.parametrize(
    "nothing_to_distil",
    [{"distill.steps": 0}, {"distill.method": "kmeans"}, {"distill.load": "a.npz"}],
)
def test_a_run_that_distils_nothing_has_a_stage(tmp_path, nothing_to_distil):
    folder = write(tmp_path, 1, "running", owner=os.getpid())
    values = config.override(cell(1), nothing_to_distil, "test")
    workdir.write_json(folder / "config.json", json.loads(values.to_json()))
    assert look(folder).detail == "networks"
    (folder / "checkpoints" / "full_data").mkdir(parents=True)
    assert look(folder).detail == "full data"


def test_a_later_run_of_the_same_config_counts(root):
    later = workdir.run_folder(root, "other data")
    workdir.write_json(later / "config.json", json.loads(cell(1).to_json()))
    os.utime(later / "config.json", (2e9, 2e9))
    assert run_folders(root, [cell(1)]) == [later]


def test_status_is_printed_without_jax(root):
    (root / "five.py").write_text(EXPERIMENT)
    code = (
        "import sys, launch\n"
        "status = launch.main(['launch.py', *sys.argv[1:]])\n"
        "assert not {'jax', 'dd_jax.run'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    before = sorted(root.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", code, "--config=five.py", "--workdir=.", "--status"],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6 and lines[0].startswith("[1/5] ipc=1  done  accuracy 50.0 %")
    assert lines[3] == "[4/5] ipc=4  failed  ValueError: two lines"
    assert lines[4] == "[5/5] ipc=5  new"
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("terminal", [True, False])
def test_the_watcher_draws_or_writes(root, monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(watch, "_REDRAWN", 0.0)
    monkeypatch.setattr(watch, "_BETWEEN_LINES", 0.0)
    folders = [workdir.run_folder(root, f"{ipc:012x}") for ipc in range(1, 6)]
    watcher = watch.Watcher(folders, [f"ipc={ipc}" for ipc in range(1, 6)])
    watcher.show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ipc=2  running  distil 3 of")
    assert lines[-1].startswith("5 cells: 1 done, 1 running")
    assert len(lines) == (6 if terminal else 2)
    watcher.show()
    again = capsys.readouterr().out
    assert again.startswith("\x1b[6A\x1b[J") == terminal
