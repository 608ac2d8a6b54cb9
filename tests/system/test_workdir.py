import json
import os
import platform
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.system import workdir
from dd_jax.types import InputError

STRICT = dict(parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_json_round_trip_and_strictness(tmp_path):
    path = tmp_path / "new" / "a.json"
    workdir.write_json(
        path,
        {
            "array": np.arange(3, dtype=np.int32),
            "scalar": np.float32(0.5),
            "tuple": (1, "a", None, True),
            "bad": [float("nan"), np.inf, {"deep": np.array([np.nan, 1.0])}],
            "path": tmp_path,
        },
    )
    assert json.loads(path.read_text(), **STRICT) == {
        "array": [0, 1, 2],
        "scalar": 0.5,
        "tuple": [1, "a", None, True],
        "bad": [None, None, {"deep": [None, 1.0]}],
        "path": str(tmp_path),
    }
    assert workdir.read_json(path)["scalar"] == 0.5


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch, broken):
    path = tmp_path / "a.json"
    workdir.write_json(path, {"x": 1})

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="disk full"):
        workdir.write_json(path, {"x": 2})
    assert workdir.read_json(path) == {"x": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_written_files_are_readable_as_the_umask_says(tmp_path):
    workdir.write_json(tmp_path / "a.json", 1)
    (tmp_path / "plain").write_text("")
    modes = [(tmp_path / name).stat().st_mode for name in ("a.json", "plain")]
    assert modes[0] == modes[1]


def test_read_json_says_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        workdir.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(InputError, match="a.json: not a JSON file"):
        workdir.read_json(tmp_path / "a.json")


def test_status(tmp_path):
    run = workdir.run_folder(tmp_path, "0123")
    assert run == tmp_path / "runs" / "0123"
    assert workdir.read_status(run) is None
    workdir.write_status(run, "running")
    assert workdir.read_status(run) == {"status": "running", "error": None}
    workdir.write_status(run, "diverged", "loss is nan at step 3")
    assert workdir.read_status(run) == {
        "status": "diverged",
        "error": "loss is nan at step 3",
    }


def test_status_of_a_failure_keeps_the_traceback(tmp_path):
    try:
        raise KeyError("gone")
    except KeyError as error:
        workdir.write_status(tmp_path, "failed", error)
    status = workdir.read_status(tmp_path)
    assert status["error"] == "KeyError: 'gone'"
    assert 'raise KeyError("gone")' in status["traceback"]


def test_rows_survive_a_torn_end_but_not_a_torn_middle(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    assert workdir.read_jsonl(path) == []
    workdir.append_jsonl(path, {"step": 1, "loss": np.float32("nan")})
    workdir.append_jsonl(path, {"step": 2, "loss": 0.5})
    with path.open("a") as file:
        file.write('{"step": 3, "lo')
    rows = [{"step": 1, "loss": None}, {"step": 2, "loss": 0.5}]
    assert workdir.read_jsonl(path) == rows
    with path.open("a") as file:
        file.write('\n{"step": 4}\n')
    with pytest.raises(InputError, match="line 3 is not JSON"):
        workdir.read_jsonl(path)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 12),
    every=st.integers(1, 5),
    killed=st.integers(0, 12),
    torn=st.booleans(),
)
def test_a_resumed_run_has_each_row_once(tmp_path_factory, steps, every, killed, torn):
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    killed = min(killed, steps)
    for step in range(1, killed + 1):
        workdir.append_jsonl(path, {"step": step})
    if torn and path.exists():
        path.write_bytes(path.read_bytes()[:-4])
    saved = max(killed - 1, 0) // every * every
    workdir.write_jsonl(path, [{"step": step} for step in range(1, saved + 1)])
    for step in range(saved + 1, steps + 1):
        workdir.append_jsonl(path, {"step": step})
    assert [row["step"] for row in workdir.read_jsonl(path)] == [*range(1, steps + 1)]


def test_provenance_of_this_checkout():
    facts = workdir.provenance()
    assert set(facts) == {"commit", "dirty", "versions"}
    assert facts["versions"]["python"] == platform.python_version()
    assert facts["versions"]["numpy"] == np.__version__
    assert "jax" in facts["versions"]


def test_commit_and_dirty_flag(tmp_path, monkeypatch):
    def git(*arguments):
        name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *name, *arguments], cwd=tmp_path, check=True)

    monkeypatch.setattr(workdir, "__file__", str(tmp_path / "workdir.py"))
    (tmp_path / "__init__.py").write_text("")
    git("init", "-q")
    assert workdir.provenance()["commit"] is None
    git("add", ".")
    git("commit", "-q", "-m", "first")
    facts = workdir.provenance()
    assert len(facts["commit"]) == 40 and facts["dirty"] is False
    (tmp_path / "__init__.py").write_text("x = 1")
    assert workdir.provenance()["dirty"] is True


def test_arrays_appear_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "arrays.npz"
    workdir.write_npz(path, a=np.arange(3), name="t1")
    before = path.read_bytes()
    with np.load(path) as file:
        assert file["a"].tolist() == [0, 1, 2] and str(file["name"]) == "t1"

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        workdir.write_npz(path, a=np.arange(4))
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_a_tree_comes_back_in_its_order(tmp_path):
    tree = {
        "b": np.array([True, False]),
        "a": [{"eps": 0.1, "left": np.float32([np.inf, 1.5])}, None, "text", 3],
        "empty": {},
    }
    workdir.write_tree(tmp_path / "tree.npz", tree)
    found = workdir.read_tree(tmp_path / "tree.npz")
    assert list(found) == ["b", "a", "empty"] and found["empty"] == {}
    np.testing.assert_array_equal(found["b"], tree["b"])
    assert found["a"][1:] == [None, "text", 3] and found["a"][0]["eps"] == 0.1
    assert found["a"][0]["left"].dtype == np.float32
    np.testing.assert_array_equal(found["a"][0]["left"], [np.inf, 1.5])


def test_a_damaged_tree_is_named(tmp_path):
    path = tmp_path / "tree.npz"
    workdir.write_tree(path, {"a": np.arange(100)})
    for content in (path.read_bytes()[:200], b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"tree.npz: damaged \("):
            workdir.read_tree(path)


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path):
    pipe = tmp_path / "a.json"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="a.json: is a pipe, a socket or a device"):
        workdir.read_json(pipe)
    with pytest.raises(InputError, match=": is a folder"):
        workdir.read_json(tmp_path)


@pytest.mark.parametrize("rows", [[], [{"step": 1}]])
def test_rows_are_written_where_a_pipe_was(tmp_path, rows):
    path = tmp_path / "metrics.jsonl"
    os.mkfifo(path)
    workdir.write_jsonl(path, rows)
    workdir.append_jsonl(path, {"step": 2})
    assert workdir.read_jsonl(path) == [*rows, {"step": 2}]
