"""`--compare A B`: what names a run, and what is refused."""

import json
import os

import fabricate
import pytest

from dd_jax.report import __main__ as command


@pytest.fixture
def runs(tmp_path):
    """A work directory with two runs, and one with one."""
    for name, shift, where in (("a", 0, "two"), ("b", -0.05, "two"), ("c", 0, "one")):
        fabricate.write_run(
            tmp_path / where, fabricate.record(name * 12, shift), artefacts=False
        )
    return tmp_path


def lines_of(path, *records):
    path.write_text("".join(json.dumps(own) + "\n" for own in records))
    return path


def test_every_form_of_a_run_gives_the_same_table(runs, capsys, monkeypatch):
    a = runs / "two" / "runs" / ("a" * 12)
    c = runs / "one" / "runs" / ("c" * 12)
    monkeypatch.chdir(c)
    record = fabricate.record("c" * 12)
    lines = lines_of(runs / "one" / "results.jsonl", record)
    spaced = runs / "copy.json"
    spaced.write_text(json.dumps(record, indent=1))
    shown = set()
    for form in (runs / "one", c, c / "record.json", lines, spaced, "."):
        assert command.main(["--compare", str(a), str(form)]) == 0
        out, err = capsys.readouterr()
        shown.add(out)
        assert err == ""
    (table,) = shown
    assert "| accuracy | Distilled | 86.0 % (85.0 to 87.0) |" in table
    assert "A: Distribution matching (DM)" in table and str(runs) not in table


def test_a_page_where_it_is_wanted(runs, capsys):
    a, b = (str(runs / "two" / "runs" / (name * 12)) for name in "ab")
    page = runs / "page.html"
    assert command.main(["--compare", a, b, f"--export={page}"]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert "Two runs side by side" in page.read_text() and str(runs) not in (
        page.read_text()
    )


def refused(capsys, *arguments):
    assert command.main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err


def test_several_runs_are_refused_with_the_way_to_name_one(runs, capsys):
    two = runs / "two"
    first = two / "runs" / ("a" * 12)
    said = refused(capsys, "--compare", runs / "one", two)
    assert said == (
        f"error: {two}: has several finished runs; name one, such as {first}\n"
    )
    lines = lines_of(
        two / "results.jsonl", *map(fabricate.record, ("a" * 12, "b" * 12))
    )
    said = refused(capsys, "--compare", lines, runs / "one")
    assert said.endswith(
        "holds 2 Records; name one run, such as WORKDIR/runs/aaaaaaaaaaaa\n"
    )


def test_what_is_no_run_is_refused_in_one_line(runs, capsys):
    empty = runs / "empty"
    empty.mkdir()
    fabricate.write_failed(runs / "failed", "f00d")
    lines_of(runs / "none.jsonl")
    lines_of(runs / "part.json", {"run": {"id": "x"}})
    (runs / "bytes.json").write_bytes(bytes(range(256)))
    for path, why in (
        (empty, "no runs here"),
        (runs / "failed", "no finished run here"),
        (runs / "failed" / "runs" / "f00d", "the run is failed, without a Record"),
        (runs / "missing", "no such folder"),
        (runs / "none.jsonl", "holds no Record"),
        (runs / "part.json", "run.method is missing"),
        (runs / "bytes.json", "not JSON"),
        (os.devnull, "is a pipe, a socket or a device"),
    ):
        assert why in refused(capsys, "--compare", runs / "one", path), path


def test_a_damaged_record_is_named(runs, capsys):
    folder = runs / "one" / "runs" / ("c" * 12)
    record = fabricate.record("c" * 12)
    record["accuracy"] = {"distilled": 7}
    (folder / "record.json").write_text(json.dumps(record))
    for form in (folder, runs / "one", folder / "record.json"):
        assert command.main(["--compare", str(form), str(form)]) == 0
        out, err = capsys.readouterr()
        assert "accuracy.distilled" in err and "| worst class |" in out
    (folder / "record.json").write_bytes(b"{")
    assert "is damaged" in refused(capsys, "--compare", folder, folder)
    assert "is damaged" in refused(capsys, "--compare", folder, runs / "one")


def test_other_uses_are_refused(runs, capsys):
    one = runs / "one"
    assert "without WORKDIR" in refused(capsys, one, "--compare", one, one)
    said = refused(capsys, "--compare", one, one, "--export=x.csv")
    assert "need a file name in .html" in said
    assert "give a work directory, or two runs" in refused(capsys)
