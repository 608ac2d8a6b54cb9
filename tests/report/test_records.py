import gzip
import hashlib
import json

import fabricate
import pytest

from dd_jax.report import records, run_folder
from dd_jax.types import InputError


def test_read_gives_finished_runs_by_id(tmp_path):
    for run_id in ("bb", "aa"):
        fabricate.write_run(tmp_path, fabricate.record(run_id), artefacts=False)
    fabricate.write_failed(tmp_path, "cc")
    fabricate.write_failed(tmp_path, "dd", status="running", error=None)
    assert [r["run"]["id"] for r in records.read(tmp_path)] == ["aa", "bb"]
    assert [
        (r.folder.name, r.status, r.error)
        for r in run_folder.each(tmp_path)
        if r.record is None
    ] == [
        ("cc", "failed", "Diverged: loss is NaN"),
        ("dd", "running", None),
    ]


def test_write_results_round_trips_and_leaves_no_temporary(single):
    path = records.write_results(single)
    assert records.readable_lines(path) == (records.read(single), [])
    assert {p.name for p in single.iterdir()} == {"runs", "results.jsonl"}


def test_no_runs_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="no runs here; need a folder with"):
        records.read(tmp_path)


def test_broken_json_names_the_file_and_is_left_out(single):
    path = next(single.glob("runs/*/record.json"))
    path.write_text('{"run": ')
    assert records.read(single) == []
    (run,) = run_folder.each(single)
    assert run.status == "damaged" and run.damaged == [run.error]
    assert run.error.startswith(f"{path}: is damaged (no JSON: ")
    assert run.error.endswith(
        f"; delete the folder {path.parent} and run its config again"
    )


def test_a_record_that_changed_on_disk_is_left_out(single):
    path = next(single.glob("runs/*/record.json"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    status = {"status": "done", "error": None, "record_sha256": digest}
    path.with_name("status.json").write_text(json.dumps(status))
    assert len(records.read(single)) == 1
    path.write_text(path.read_text().replace("0.86", "0.96", 1))
    assert records.read(single) == []
    (run,) = run_folder.each(single)
    assert f"{path}: is not what the run wrote: its digest differs" in run.error


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"done"', b"\xff\xfe\x00", b'{"status": "odd"}', None],
)
def test_a_record_is_read_without_its_status(single, content):
    path = next(single.glob("runs/*/status.json"))
    path.unlink() if content is None else path.write_bytes(content)
    (run,) = run_folder.each(single)
    assert run.record is not None and run.status == "done"
    assert [line.startswith(str(path)) for line in run.damaged] == [True]


def test_a_damaged_part_leaves_the_rest_of_a_record(single, row):
    path = next(single.glob("runs/*/record.json"))
    row["accuracy"]["full_data"]["mean"] = 97.0
    row["cost"] = "much"
    path.write_text(json.dumps(row))
    (run,) = run_folder.each(single)
    assert run.record == {k: v for k, v in row.items() if k not in ("accuracy", "cost")}
    assert [line.partition(";")[0] for line in run.damaged] == [
        f"{path}: accuracy.full_data.mean is 97",
        f"{path}: cost is a text",
    ]


def test_lines_that_cannot_be_read_are_named_and_left_out(tmp_path, row):
    path = tmp_path / "results.jsonl"
    good = json.dumps(row).encode()
    path.write_bytes(b"\n".join([good, b"\xff\x00", b'{"run": 3}', good, good[:99]]))
    found, damaged = records.readable_lines(path)
    assert len(found) == 2
    assert [line.split(": ")[0] for line in damaged] == [
        f"{path}:{number}" for number in (2, 3, 5)
    ]


def test_a_compressed_file_reads_as_the_plain_one(tmp_path, row):
    path, lines = tmp_path / "results.jsonl", json.dumps(row).encode() + b"\n"
    path.write_bytes(2 * lines)
    packed = tmp_path / "results.jsonl.gz"
    packed.write_bytes(gzip.compress(2 * lines))
    assert records.readable_lines(packed) == records.readable_lines(path)
    for damage in (packed.read_bytes()[:99], b"plain", b"\x1f\x8b" + bytes(40)):
        packed.write_bytes(damage)
        with pytest.raises(InputError, match="results.jsonl.gz: is not what gzip"):
            records.readable_lines(packed)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.pop("run"), "no `run` part"),
        (lambda r: r["run"].pop("ipc"), "run.ipc is missing"),
        (lambda r: r["accuracy"].update(dsitilled={}), "accuracy.dsitilled is unknown"),
        (lambda r: r["accuracy"]["full_data"].update(mean=97.0), "need a fraction"),
        (
            lambda r: r["robustness"]["distilled"]["attacks"]["fgsm"][1].update(
                eps=float("nan")
            ),
            r"robustness.distilled.attacks.fgsm\[1\].eps is nan",
        ),
    ],
)
def test_validate_says_what_is_wrong(row, spoil, message):
    assert records.validate(row) == row
    spoil(row)
    with pytest.raises(InputError, match=message) as error:
        records.validate(row)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, True, {"mean": None}, {"auc": 1}, "0.5"])
def test_estimate_of_nothing(value):
    assert records.estimate(value) is None


def test_estimate_drops_an_interval_without_bounds():
    assert records.estimate({"mean": 0.5, "ci": [None, None], "n": 1})["ci"] is None


def test_audits_that_were_renamed_are_read(tmp_path, row):
    curve = [{"step": 1, "seconds": 2.0, "accuracy": 0.5}]
    old = row | {"export": {"accuracy": 0.5}, "learning": curve}
    new = row | {"quantization": {"accuracy": 0.5}, "learning_curve": curve}
    assert records.validate(old) == new
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(old) + "\n")
    assert records.readable_lines(path) == ([new], [])
    fabricate.write_run(tmp_path, old, artefacts=False)
    assert records.read(tmp_path) == [new]
