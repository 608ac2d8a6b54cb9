"""What counts as a finished run, and what makes it run again."""

import json
import shutil

import numpy as np
import pytest
from damage import HARMS, harm

from dd_jax.report import completed
from dd_jax.system import workdir

ID = "0123456789ab"
RECORD = {
    "run": {
        "id": ID,
        **{"method": "dm", "dataset": "digits", "arch": "mlp"},
        **{"ipc": 1, "init": "real", "num_classes": 3},
    },
    "accuracy": {"distilled": {"mean": 0.5, "ci": [0.4, 0.6], "n": 2}},
}


@pytest.fixture
def folder(tmp_path):
    """A finished run."""
    folder = tmp_path / ID
    workdir.write_json(folder / "record.json", RECORD)
    workdir.write_json(folder / "config.json", {"seed": 0})
    workdir.write_jsonl(folder / "metrics.jsonl", [{"step": 1, "loss": 0.5}])
    workdir.write_npz(folder / "synthetic.npz", images=np.arange(9.0))
    workdir.write_json(folder / "model" / "0" / "data", [1, 2])
    workdir.write_json(folder / "checkpoints" / "distil" / "data", [1, 2])
    completed.complete(folder)
    shutil.rmtree(folder / "checkpoints")
    return folder


def test_a_finished_run_gives_its_record(folder, capsys):
    assert completed.intact_record(folder) == RECORD
    assert completed.intact_record(folder.with_name("new")) is None
    (folder / "notes.txt").write_text("of the user")
    assert completed.intact_record(folder) == RECORD
    assert capsys.readouterr().err == ""
    status = workdir.read_status(folder)
    names = ["config.json", "metrics.jsonl", "model", "synthetic.npz"]
    assert [*status["files"]] == names and len(status["record_sha256"]) == 64


@pytest.mark.parametrize("status", ["running", "failed", "diverged"])
def test_other_runs_have_none(folder, capsys, status):
    workdir.write_status(folder, status)
    assert completed.intact_record(folder) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize(
    "name", ["config.json", "metrics.jsonl", "synthetic.npz", "model/0/data"]
)
def test_a_changed_file_runs_again_and_a_deleted_one_is_named(
    folder, capsys, name, kind
):
    harm(np.random.default_rng(1), folder / name, kind)
    first = name.split("/")[0]
    gone = kind == "delete" and first != "model"
    assert completed.intact_record(folder) == (RECORD if gone else None)
    line = capsys.readouterr().err
    if gone:
        assert line == f"{folder}: is done; deleted since: {name}\n"
    else:
        file = folder / first
        assert line == f"{file}: was changed since the run was done; runs again\n"


@pytest.mark.parametrize("kind", HARMS)
def test_a_damaged_record_runs_again(folder, capsys, kind):
    harm(np.random.default_rng(2), folder / "record.json", kind)
    assert completed.intact_record(folder) is None
    line = capsys.readouterr().err
    why = "no such file" if kind == "delete" else "was changed since the run was done"
    assert line == f"{folder / 'record.json'}: {why}; runs again\n"


def test_a_number_changed_by_hand_is_noticed(folder):
    path = folder / "record.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    assert completed.intact_record(folder) is None


def without_digests(folder):
    """As earlier versions left a run."""
    (folder / "status.json").write_text('{"status": "done", "error": null}')


def test_a_run_from_before_there_were_digests_is_taken_as_it_is(folder, capsys):
    without_digests(folder)
    (folder / "config.json").write_text("{}")
    assert completed.intact_record(folder) == RECORD
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "content, why",
    [
        ("", "not a JSON file"),
        ("\xff\xfe", "not a JSON file"),
        ('{"run": ', "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ("[]", "no `run` part"),
        ('{"run": []}', "no `run` part"),
        (json.dumps(RECORD).replace(ID, "another"), "is of run another"),
        (json.dumps(RECORD).replace('"ipc"', '"ipx"'), "run.ipc is missing"),
        (json.dumps(RECORD).replace("0.5", "97.0"), "need a fraction"),
        (json.dumps(RECORD | {"accuracy": [[1]]}), ""),
        (json.dumps(RECORD | {"accuracy": 3}), ""),
        (None, "no such file"),
    ],
)
def test_without_digests_a_record_has_to_be_one(folder, capsys, content, why):
    without_digests(folder)
    path = folder / "record.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode("latin-1"))
    assert completed.intact_record(folder) is None
    line = capsys.readouterr().err
    assert why in line and line.endswith("; runs again\n") and line.count("\n") == 1


@pytest.mark.parametrize(
    "content", ["", "done", "[]", '{"state": "done"}', '{"status": 3}', "\x00\xff"]
)
def test_a_damaged_status_is_not_done(folder, capsys, content):
    (folder / "status.json").write_bytes(content.encode("latin-1"))
    assert completed.intact_record(folder) is None
    line = capsys.readouterr().err
    assert line.startswith(f"{folder / 'status.json'}: ") and line.count("\n") == 1
    assert line.endswith("; the run resumes\n")


def test_flipped_bits_of_a_status_never_hide_a_change(folder):
    path = folder / "status.json"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        assert completed.intact_record(folder) in (None, RECORD)


@pytest.mark.parametrize(
    "files", [None, [], {"a" * 300: "x"}, {"/etc": "x"}, {"": "x"}, {"../b": "x"}]
)
def test_odd_names_in_a_status_make_the_run_go_again(folder, capsys, files):
    status = json.loads((folder / "status.json").read_text()) | {"files": files}
    (folder / "status.json").write_text(json.dumps(status))
    found = completed.intact_record(folder)
    err = capsys.readouterr().err
    if files and "a" * 300 in files:
        assert found == RECORD and "deleted since" in err
        return
    assert found is None
    assert err == f"{folder}/status.json: does not name files of this run; runs again\n"
