"""`results.jsonl`: a line for each finished run, added or written again."""

import json
import subprocess
import sys

import fabricate
import pytest

from dd_jax.report import records
from dd_jax.system.disk import WriteError


def record(run_id):
    return fabricate.record(run_id)


def ids(path):
    return [json.loads(line)["run"]["id"] for line in path.read_text().splitlines()]


def test_records_are_added_one_a_line(tmp_path):
    for run_id in ("bb", "aa"):
        records.append_result(tmp_path, record(run_id))
    path = tmp_path / "results.jsonl"
    assert ids(path) == ["bb", "aa"]
    assert records.readable_lines(path) == ([record("bb"), record("aa")], [])
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


def test_a_record_that_is_there_is_not_added_again(tmp_path):
    for run_id in ("aa", "bb", "aa", "bb", "a"):
        records.append_result(tmp_path, record(run_id))
    assert ids(tmp_path / "results.jsonl") == ["aa", "bb", "a"]


@pytest.mark.parametrize("torn", [b"", b'{"run": {"id": "bb", "me'])
def test_a_line_torn_by_a_kill_makes_room_for_the_next(tmp_path, torn):
    records.append_result(tmp_path, record("aa"))
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    records.append_result(tmp_path, record("bb"))
    assert ids(path) == ["aa", "bb"]


def test_adding_reads_no_other_record(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "read", lambda root: pytest.fail("read all"))
    records.append_result(tmp_path, record("aa"))


def test_all_are_written_only_where_the_file_differs(tmp_path, monkeypatch):
    for run_id in ("bb", "aa"):
        fabricate.write_run(tmp_path, fabricate.record(run_id), artefacts=False)
    records.append_result(tmp_path, record("bb"))
    path = records.write_results(tmp_path)
    assert ids(path) == ["aa", "bb"]
    monkeypatch.setattr(records.disk, "replace", lambda *a: pytest.fail("written"))
    assert records.write_results(tmp_path) == path


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda text: text + text,
        lambda text: "",
        lambda text: text.replace("0.9", "0.8", 1),
    ],
)
def test_what_became_of_the_file_is_mended(tmp_path, spoil):
    for run_id in ("bb", "aa"):
        fabricate.write_run(tmp_path, fabricate.record(run_id), artefacts=False)
    path = records.write_results(tmp_path)
    whole = path.read_text()
    path.write_text(spoil(whole))
    assert path.read_text() != whole
    records.write_results(tmp_path)
    assert path.read_text() == whole


def test_launchers_add_at_the_same_time(tmp_path):
    code = (
        "import sys\n"
        "from dd_jax.system import locks\n"
        "from dd_jax.report import records\n"
        "locks._LOOK = 0.01\n"
        "for i in range(20):\n"
        "    record = {'run': {'id': f'{sys.argv[1]}{i}'}, 'x': 'y' * 9000}\n"
        "    records.append_result('.', record)\n"
    )
    group = [
        subprocess.Popen(
            [sys.executable, "-c", code, name],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        for name in "abc"
    ]
    assert [process.wait() for process in group] == [0, 0, 0]
    expected = sorted(f"{name}{i}" for name in "abc" for i in range(20))
    assert sorted(ids(tmp_path / "results.jsonl")) == expected


def test_a_full_disk_leaves_the_lines_before(tmp_path, monkeypatch):
    records.append_result(tmp_path, record("aa"))

    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(WriteError, match="make room"):
        patch.setattr(records.disk.os, "write", full)
        records.append_result(tmp_path, record("bb"))
    assert ids(tmp_path / "results.jsonl") == ["aa"]
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]
