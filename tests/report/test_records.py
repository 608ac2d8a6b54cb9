import json

import fabricate
import pytest

from dd_jax.report import records
from dd_jax.types import InputError


def test_read_gives_finished_runs_by_id(tmp_path):
    for run_id in ("bb", "aa"):
        fabricate.write_run(tmp_path, fabricate.record(run_id), artefacts=False)
    fabricate.write_failed(tmp_path, "cc")
    fabricate.write_failed(tmp_path, "dd", status="running", error=None)
    assert [r["run"]["id"] for r in records.read(tmp_path)] == ["aa", "bb"]
    assert [
        (r["id"], r["status"], r["error"]) for r in records.unfinished(tmp_path)
    ] == [
        ("cc", "failed", "Diverged: loss is NaN"),
        ("dd", "running", None),
    ]


def test_write_results_round_trips_and_leaves_no_temporary(single):
    path = records.write_results(single)
    assert records.load_results(path) == records.read(single)
    assert {p.name for p in single.iterdir()} == {"runs", "results.jsonl"}


def test_no_runs_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="no runs here; need a folder with"):
        records.read(tmp_path)


def test_broken_json_names_the_file(single):
    path = next(single.glob("runs/*/record.json"))
    path.write_text('{"run": ')
    with pytest.raises(InputError, match=r"record\.json: unreadable"):
        records.read(single)


def test_broken_line_names_its_number(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(fabricate.record()) + "\nnot json\n")
    with pytest.raises(InputError, match=r"results\.jsonl:2: not JSON"):
        records.load_results(path)


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
    assert records.validate(row) is row
    spoil(row)
    with pytest.raises(InputError, match=message) as error:
        records.validate(row)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, True, {"mean": None}, {"auc": 1}, "0.5"])
def test_estimate_of_nothing(value):
    assert records.estimate(value) is None


def test_estimate_drops_an_interval_without_bounds():
    assert records.estimate({"mean": 0.5, "ci": [None, None], "n": 1})["ci"] is None
