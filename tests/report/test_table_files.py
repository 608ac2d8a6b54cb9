"""Records as CSV and Parquet: columns and types of the schema, wide and long."""

import csv
import gzip
import json

import fabricate
import pytest
from tiny import ROOT

from dd_jax.report import __main__ as command
from dd_jax.report import long_table, record_leaves, record_table, table_files
from dd_jax.report.schema import sound

ODD = [
    {"run": {"id": "a", "ipc": 1}, "accuracy": {"distilled": {"mean": 1, "ci": None}}},
    {"run": {"id": "=1+1", "ipc": 10}, "accuracy": {"distilled": 0.5}},
    {"run": {"id": "b", "ipc": None}, "own": {"on": True, "odd": 1, "none": None}},
    {"run": {"id": "c", "seed": 2.0}, "own": {"odd": "x", "hash": 2**70}},
]


def with_numbers(value, number, key=""):
    """A part of a Record with another value in place of each number, radii excepted."""
    if isinstance(value, dict):
        return {key: with_numbers(part, number, key) for key, part in value.items()}
    if isinstance(value, list) and key == "ci":
        return number and [number, number]
    if isinstance(value, list):
        return [with_numbers(part, number) for part in value]
    flag = isinstance(value, bool)
    return (
        number
        if isinstance(value, int | float) and not flag and key != "eps"
        else value
    )


def test_columns_have_the_type_of_the_schema():
    values, types = record_table.columns(ODD)
    assert types["run.ipc"] is float and values["run.ipc"] == [1.0, 10.0, None, None]
    assert types["run.seed"] is int and values["run.seed"] == [None, None, None, 2]
    assert values["accuracy.distilled.mean"] == [1.0, 0.5, None, None]
    assert values["accuracy.distilled.ci_low"] == [None] * 4
    assert values["own.odd"] == [None, None, "1", "x"] and types["own.odd"] is str
    assert values["own.hash"][3] == str(2**70) and types["own.on"] is bool
    assert "own.none" not in values
    for name, column in values.items():
        assert {type(value) for value in column} <= {types[name], type(None)}


@pytest.mark.parametrize("number", [None, 1])
@pytest.mark.parametrize("form", table_files.FORMS)
def test_the_schema_is_the_same_whatever_the_values(tmp_path, form, number):
    parquet = pytest.importorskip("pyarrow.parquet")
    row = json.loads(json.dumps(fabricate.record(), default=float))
    other = {
        part: value if part == "run" else with_numbers(value, number)
        for part, value in row.items()
    }
    assert sound(other, "other")[1] == []
    for name, record in (("a", row), ("b", other)):
        table_files.write([record], tmp_path / f"{name}.parquet", form)
    a, b = (parquet.read_schema(tmp_path / f"{name}.parquet") for name in "ab")
    # What the schema does not know has no column where it is null.
    unknown = {name for name in a.names if not name.startswith(tuple(KNOWN))}
    assert {*a.names} - {*b.names} <= unknown
    assert all(b.field(name).type == a.field(name).type for name in b.names)


def test_the_schema_says_what_each_value_of_committed_records_is():
    unknown = []
    files = (
        "quickstart",
        "ablation_digits",
        "robustness_fashion_mnist",
        "precision_digits",
    )
    for name in files:
        (path,) = (ROOT / "experiments/results").glob(f"{name}.jsonl*")
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt") as file:
            *_, last = file
        record, _ = sound(json.loads(last), name)
        record["run"].pop("config", None)  # keys of plug-ins too
        empty = _emptied(record)
        kept = {leaf.keys for leaf in record_leaves.leaves(empty)}
        unknown += [
            leaf.keys for leaf in record_leaves.leaves(record) if leaf.keys not in kept
        ]
    assert not unknown


def _emptied(value):
    """The same keys, lists and radii, without values."""
    if isinstance(value, dict):
        return {k: v if k == "eps" else _emptied(v) for k, v in value.items()}
    return [_emptied(v) for v in value] if isinstance(value, list) else None


KNOWN = ("run", "accuracy", "fairness", "privacy", "memorisation", *long_table.TYPES)


def test_radii_that_repeat_have_a_number():
    curve = [{"eps": 0.1, "accuracy": 0.3}, {"eps": 0.1, "accuracy": 0.2}]
    values, _ = record_table.columns([{"own": curve}])
    assert values == {"own[eps=0.1].accuracy": [0.3], "own[eps=0.1 #2].accuracy": [0.2]}


def test_long_rows_say_what_each_number_is_of():
    row = json.loads(json.dumps(fabricate.record(seed=3), default=float))
    source = {"source": "mlp", "target": "lenet", "attack": "pgd_linf", "norm": "linf"}
    row["transfer"] = [source | {"eps": 0.1, "accuracy": 0.25}]
    row["learning_curve"] = [{"step": 20, "seconds": 1.5, "accuracy": 0.7}]
    values, types = long_table.columns([row])
    rows = [dict(zip(values, numbers)) for numbers in zip(*values.values())]

    def one(**wanted):
        (found,) = [r for r in rows if wanted.items() <= r.items()]
        return {key: found[key] for key in ("value", "low", "high", "n", "unit")}

    auc = row["privacy"]["distilled"]["t2"]["lira_online"]["auc"]
    threat = {"part": "privacy", "network": "distilled", "threat": "t2"}
    assert one(**threat, attack="lira_online", quantity="auc", seed=3) == {
        "value": auc["mean"],
        "low": auc["ci"][0],
        "high": auc["ci"][1],
        "n": auc["n"],
        "unit": "fraction",
    }
    rate = one(**threat, attack="loss", quantity="tpr_at_fpr", level=0.01)
    assert rate["value"] == 0.01
    pgd = {"network": "full_data", "attack": "pgd_linf", "norm": "linf", "eps": 0.06}
    curve = row["robustness"]["full_data"]["attacks"]["pgd_linf"]
    assert one(**pgd, quantity="accuracy")["value"] == curve[3]["accuracy"]["mean"]
    moved = {"source": "mlp", "network": "lenet", "eps": 0.1, "norm": "linf"}
    assert one(**moved, part="transfer")["value"] == 0.25
    assert one(step=20.0, quantity="accuracy")["value"] == 0.7
    assert one(part="cost", quantity="distill_seconds")["unit"] == "s"
    assert not [r for r in rows if r["part"] == "run"]
    assert list(values) == list(types)


def test_csv_runs_no_formula(tmp_path):
    table_files.write(ODD, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run.id"] for row in rows] == ["a", "'=1+1", "b", "c"]
    assert rows[2]["run.ipc"] == ""


@pytest.mark.parametrize("name", ["results.xlsx", "results"])
def test_other_suffixes_are_refused(tmp_path, capsys, name):
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps(ODD[0]))
    assert command.main([str(file), f"--export={tmp_path / name}"]) == 2
    assert "need a file name in .csv" in capsys.readouterr().err


def test_without_pyarrow_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(table_files, "find_spec", lambda name: None)
    assert command.main([str(tmp_path), f"--export={tmp_path / 'r.parquet'}"]) == 2
    assert "needs pyarrow" in capsys.readouterr().err


@pytest.mark.parametrize("form", table_files.FORMS)
def test_the_command_writes_the_records_of_a_file(tmp_path, capsys, form):
    source = ROOT / "experiments" / "results" / "quickstart.jsonl"
    target = tmp_path / "r.csv"
    assert command.main([str(source), f"--export={target}", f"--form={form}"]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    rows = list(csv.DictReader(target.open(newline="")))
    found = json.loads(source.read_text())["accuracy"]["distilled"]
    if form == "wide":
        (row,) = rows
        names = [f"accuracy.distilled.{end}" for end in ("mean", "ci_low", "ci_high")]
    else:
        of = {"part": "accuracy", "network": "distilled", "quantity": "accuracy"}
        (row,) = [row for row in rows if of.items() <= row.items()]
        names = ["value", "low", "high"]
    assert [float(row[name]) for name in names] == [found["mean"], *found["ci"]]


def test_the_form_without_export_is_refused(tmp_path, capsys):
    assert command.main([str(tmp_path), "--form=long"]) == 2
    assert "--form is of" in capsys.readouterr().err
