"""Records as CSV and Parquet."""

import csv
import json

import pytest
from tiny import ROOT

from dd_jax.report import __main__ as command
from dd_jax.report import record_table

MIXED = [
    {"run": {"id": "a", "ipc": 1}, "accuracy": {"mean": 1, "ci": [0.5, 1]}},
    {"run": {"id": "=1+1", "ipc": 10}, "accuracy": {"mean": 0.5, "ci": None}},
    {"run": {"id": "b", "ipc": None}, "dp": {"epsilon": None, "on": True, "odd": 1}},
    {"run": {"id": "c", "ipc": 2}, "dp": {"odd": "x"}},
]


def test_columns_have_one_type_and_null_where_missing():
    table = record_table.columns(MIXED)
    assert table["run.ipc"] == [1, 10, None, 2]
    assert table["accuracy.mean"] == [1.0, 0.5, None, None]
    assert isinstance(table["accuracy.mean"][0], float)
    assert table["accuracy.ci_low"] == [0.5, None, None, None]
    assert table["dp.odd"] == [None, None, "1", "x"]
    assert len({len(values) for values in table.values()}) == 1


def test_radii_that_repeat_are_numbered():
    curve = [{"eps": 0.1, "accuracy": 0.3}, {"eps": 0.1, "accuracy": 0.2}]
    table = record_table.columns([{"pgd": curve}])
    assert table["pgd[0].accuracy"] == [0.3] and table["pgd[1].accuracy"] == [0.2]


def test_parquet_keeps_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    record_table.write(MIXED, tmp_path / "r.parquet")
    table = parquet.read_table(tmp_path / "r.parquet")
    assert str(table.schema.field("run.ipc").type) == "int64"
    assert str(table.schema.field("dp.epsilon").type) == "double"
    assert str(table.schema.field("dp.on").type) == "bool"
    assert table.to_pydict() == record_table.columns(MIXED)


def test_csv_runs_no_formula(tmp_path):
    record_table.write(MIXED, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run.id"] for row in rows] == ["a", "'=1+1", "b", "c"]
    assert rows[2]["run.ipc"] == ""


@pytest.mark.parametrize("name", ["results.xlsx", "results"])
def test_other_suffixes_are_refused(tmp_path, capsys, name):
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps(MIXED[0]))
    assert command.main([str(file), f"--export={tmp_path / name}"]) == 2
    assert "need a file name in .csv or .parquet" in capsys.readouterr().err


def test_without_pyarrow_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(record_table, "find_spec", lambda name: None)
    assert command.main([str(tmp_path), f"--export={tmp_path / 'r.parquet'}"]) == 2
    assert "needs pyarrow" in capsys.readouterr().err


def test_the_command_writes_the_records_of_a_file(tmp_path, capsys):
    source = ROOT / "experiments" / "results" / "quickstart.jsonl"
    target = tmp_path / "r.csv"
    assert command.main([str(source), f"--export={target}"]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    (row,) = csv.DictReader(target.open(newline=""))
    record = json.loads(source.read_text())
    found = float(row["accuracy.distilled.mean"])
    assert found == record["accuracy"]["distilled"]["mean"]
    assert row["run.id"] == record["run"]["id"]
    (low, high) = record["accuracy"]["distilled"]["ci"]
    assert [float(row[f"accuracy.distilled.ci_{end}"]) for end in ("low", "high")] == [
        low,
        high,
    ]
