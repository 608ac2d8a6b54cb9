"""Files of finished runs damaged in every way: the rest is drawn, the file named."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fabricate
import numpy as np
import pytest

from dd_jax.report import __main__ as command
from dd_jax.report import figures, run_folder, schema, trends
from dd_jax.report.image_grid import image_grid

FILES = (
    *("record.json", "status.json", "config.json", "curves.json"),
    *("synthetic.npz", "metrics.jsonl", "scores.npz", "gallery.png", "images.png"),
)
DEEP = b"[" * 5000 + b"]" * 5000
ODD = (*("text", 7, -1, 0.5, True, None, [], {}, [1], {"a": 1}), 10**400, 1e308, -1e308)


def flip(rng, content):
    spoiled = bytearray(content)
    for at in rng.integers(len(spoiled), size=rng.integers(1, 4)):
        spoiled[at] ^= 1 << rng.integers(8)
    return bytes(spoiled)


def truncate(rng, content):
    return content[: rng.integers(1, len(content) - 1)]


def paths(value, path=()):
    """Every place in parsed JSON."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from paths(inner, (*path, key))


def swap(rng, content):
    """Another value somewhere in a JSON file."""
    value = {"": json.loads(content)}
    places = [path for path in paths(value) if path]
    *way, last = places[rng.integers(len(places))]
    inner = value
    for key in way:
        inner = inner[key]
    inner[last] = ODD[rng.integers(len(ODD))]
    return json.dumps(value[""]).encode()


ALWAYS_SEEN = {  # by all who read the file, whatever it held
    "empty": lambda rng, content: b"",
    "binary": lambda rng, content: bytes(rng.integers(128, 256, 300, dtype=np.uint8)),
    "not UTF-8": lambda rng, content: b'{"a": "\xff\xfe"}',
    "deep": lambda rng, content: DEEP,
    "cut": truncate,
    "missing": lambda rng, content: None,
}
SEEN_OR_HARMLESS = {"flip": flip, "swap": swap}


def workdir(tmp_path):
    """Two runs, the first with every file."""
    for number in range(2):
        row = fabricate.record(f"{number:012x}", ipc=1 + number)
        fabricate.write_run(tmp_path, json.loads(json.dumps(row, default=float)))
    folder = tmp_path / "runs" / f"{0:012x}"
    noise = np.random.default_rng(0).random((3, 8, 8, 1))
    picture = image_grid(noise, np.eye(3))
    record = json.loads((folder / "record.json").read_text())
    for name in ("gallery", "images"):
        (folder / f"{name}.png").write_bytes(picture)
        record["artifacts"][name] = f"{name}.png"
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def built(folder, capsys):
    """Exit status, page and what stderr said."""
    root = folder.parents[1]
    status = command.main([str(root)])
    return status, (root / "report.html").read_text(), capsys.readouterr().err


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    """Figures take most of the time: only where a test asks for them are they drawn."""
    if "figures" not in request.node.name:
        for module in (figures, trends):
            monkeypatch.setattr(module, "svg", lambda draw, **_: b"<svg/>")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ALWAYS_SEEN)
def test_a_damaged_file_is_named_and_the_rest_drawn(tmp_path, capsys, name, kind):
    folder = workdir(tmp_path)
    rng = np.random.default_rng(len(kind))
    content = ALWAYS_SEEN[kind](rng, (folder / name).read_bytes())
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    status, page, printed = built(folder, capsys)
    if kind == "cut" and name == "metrics.jsonl" and content.endswith(b"}\n"):
        return  # a file that ends with a row is whole
    assert status == 0
    (line,) = printed.splitlines()
    assert line.startswith(f"warning: {folder / name}: ")
    assert line.endswith(f"; delete the folder {folder} and run its config again")
    assert f"runs/{folder.name}/{name}: " in page
    assert "cannot be shown" not in page
    assert (folder.name in page) and (f"{1:012x}" in page)


def check_changes(tmp_path, capsys, name, cases, seed):
    """Bits and values changed in a JSON file, n times each."""
    folder = workdir(tmp_path)
    whole = (folder / name).read_bytes()
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        for spoil in SEEN_OR_HARMLESS.values():
            (folder / name).write_bytes(content := spoil(rng, whole))
            status, page, printed = built(folder, capsys)
            assert status == 0, content
            assert "cannot be shown" not in page, (printed, content)
            for line in printed.splitlines():
                assert line.startswith(f"warning: {folder}"), content


JSON = [name for name in FILES if name.endswith(".json")]


@pytest.mark.parametrize("name", JSON)
def test_other_values_in_a_file_never_stop_the_page(tmp_path, capsys, name):
    cases = 20 if name == "record.json" else 6
    check_changes(tmp_path, capsys, name, cases, seed=len(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", JSON)
def test_many_other_values_in_a_file_never_stop_the_page(tmp_path, capsys, name):
    check_changes(tmp_path, capsys, name, cases=200, seed=2000 + len(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["record.json", "curves.json"])
def test_other_values_in_a_file_never_stop_the_figures(tmp_path, capsys, name):
    check_changes(tmp_path, capsys, name, cases=8, seed=1000)


@pytest.mark.parametrize("name", [name for name in FILES if ".json" not in name])
def test_flipped_bits_never_stop_the_page(tmp_path, capsys, name):
    folder = workdir(tmp_path)
    whole = (folder / name).read_bytes()
    rng = np.random.default_rng(len(name))
    for _ in range(12):
        (folder / name).write_bytes(flip(rng, whole))
        status, page, printed = built(folder, capsys)
        assert status == 0 and "cannot be shown" not in page
        assert all(str(folder / name) in line for line in printed.splitlines())


def test_any_part_may_be_missing_or_null(tmp_path, capsys):
    """Parts of a Record taken out one at a time, and many at once."""
    folder = workdir(tmp_path)
    whole = json.loads((folder / "record.json").read_text())
    rng = np.random.default_rng(5)
    needed = {("run",), *(("run", key) for key in schema.RUN_KEYS)}
    places = [path for path in paths(whole) if path and path not in needed]
    one = [[path] for path in places if len(path) <= 3]
    one = [one[i] for i in rng.permutation(len(one))[:20]]
    many = [[places[i] for i in rng.integers(len(places), size=30)] for _ in range(20)]
    for number, chosen in enumerate(one + many):
        record = copy.deepcopy(whole)
        for *way, last in chosen:
            inner = record
            for key in way:
                known = isinstance(inner, dict) and key in inner
                inner = inner[key] if known or _holds(inner, key) else None
            if isinstance(inner, dict) and last in inner:
                inner[last] = None
                if number % 2:
                    del inner[last]
        (folder / "record.json").write_text(json.dumps(record))
        status, page, _ = built(folder, capsys)
        assert status == 0 and "cannot be shown" not in page, chosen


def _holds(inner, key):
    return isinstance(inner, list) and isinstance(key, int) and key < len(inner)


def test_where_no_record_can_be_read_the_page_says_why_and_the_status_is_2(
    tmp_path, capsys
):
    fabricate.write_run(tmp_path, fabricate.record(), artefacts=False)
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "record.json").write_bytes(b"\xff")
    status, page, printed = built(folder, capsys)
    assert status == 2
    assert printed.splitlines()[-1] == (
        f"error: {tmp_path}: no Record can be read; {tmp_path / 'report.html'} says why"
    )
    assert "record.json: is damaged (no UTF-8 at byte 0)" in page


def test_tables_leave_out_what_is_damaged(tmp_path, capsys):
    folder = workdir(tmp_path)
    (folder / "record.json").write_bytes(b"{")
    for option in ("--markdown", "--privacy"):
        assert command.main([str(tmp_path), option]) == 0
        out, printed = capsys.readouterr()
        assert "| " in out and printed.startswith(
            f"warning: {folder / 'record.json'}: "
        )
    assert command.main([str(tmp_path), "--trends", str(tmp_path / "drawn")]) == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: ") and "no plots" in error


def test_a_file_of_bytes_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "report.bin").write_bytes(bytes(range(256)))
    assert command.main([str(tmp_path / "report.bin"), "--markdown"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_a_record_of_others_leads_to_no_other_file(tmp_path, capsys):
    folder = workdir(tmp_path)
    secret = tmp_path / "secret.png"
    secret.write_bytes((folder / "gallery.png").read_bytes())
    record = json.loads((folder / "record.json").read_text())
    record["artifacts"] = {"gallery": "../../secret.png"}
    (folder / "record.json").write_text(json.dumps(record))
    _, _, printed = built(folder, capsys)
    assert printed.splitlines() == [
        f"warning: {folder / 'secret.png'}: is missing; "
        + run_folder.remedy(folder / "x")
    ]
    record["run"]["id"] = "../.."
    (folder / "record.json").write_text(json.dumps(record))
    _, _, printed = built(folder, capsys)
    assert f"{folder / 'record.json'}: is of run '../..'" in printed


def test_a_folder_that_is_no_utf_8_has_a_report(tmp_path):
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    fabricate.write_run(root, fabricate.record(), artefacts=False)
    (root / "runs" / "odd").mkdir()
    (root / "runs" / "odd" / "status.json").write_bytes(b"\xff")
    shown = subprocess.run(
        [sys.executable, "-m", "dd_jax.report", root],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert shown.returncode == 0
    assert shown.stderr.count(b"\n") == 1 and b"status.json" in shown.stderr
    assert "runs/odd/status.json" in (root / "report.html").read_text()


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, capsys):
    workdir(tmp_path)
    (tmp_path / "report.html").mkdir()
    assert command.main([str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and printed.count("\n") == 1


def test_a_copy_of_a_run_is_not_a_second_run(tmp_path, capsys):
    folder = workdir(tmp_path)
    copy_ = folder.with_name(f"{folder.name} copy")
    shutil.copytree(folder, copy_)
    status, _, printed = built(folder, capsys)
    assert status == 0
    assert printed == (
        f"warning: {copy_ / 'record.json'}: is of run {folder.name!r}; delete "
        f"the folder {copy_} and run its config again\n"
    )
    rows = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(row)["run"]["id"] for row in rows] == [
        f"{number:012x}" for number in range(2)
    ]
