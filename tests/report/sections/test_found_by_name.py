"""Sections are found by the name of an audit; others are plain tables."""

import ast
from pathlib import Path

import fabricate
import pytest

from dd_jax import catalogue, report
from dd_jax.report import run_page, schema, sections
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.sections import plain_table

LABELS = {
    "toy_audit": "Toy audit",
    "toy_method": "Toy method",
    "toy_attack": "Toy attack",
    "toy_score": "Toy score",
    "toy_source": "Toy source",
    "toy_model": "Toy model",
    "toy_init": "Toy initialisation",
}


def plugged(**run):
    """A Record of a run whose every part comes from outside this package."""
    own = {"method": "toy_method", "arch": "toy_model", "init": "toy_init"}
    row = fabricate.record(**own, dataset="toy_source:/data/pets", labels=LABELS, **run)
    for part in (row["privacy"][pipe] for pipe in fabricate.LEVEL):
        part["t2"] = {"toy_score": part["t2"]["lira_online"]}
    for part in row["robustness"].values():
        part["attacks"] = {"toy_attack": part["attacks"]["pgd_linf"]}
    row["toy_audit"] = {"distilled": {"edge": fabricate.around(0.25)}}
    return row


@pytest.mark.parametrize("runs", [1, 2])
def test_a_plug_in_s_names_and_labels_are_on_the_page(tmp_path, runs):
    for i in range(runs):
        fabricate.write_run(tmp_path, plugged(run_id=f"{i:012x}"), artefacts=False)
    page = report.build(tmp_path).read_text()
    for name, label in LABELS.items():
        assert name in page and label in page, name
    assert "<td>0.25 <small>0.24 to 0.26</small></td>" in " ".join(
        page.replace("\n", "").split()
    )


def test_sections_are_of_audits_each_in_a_place_of_its_own():
    """An audit without one is shown as a plain table."""
    assert set(sections.names()) <= set(catalogue.names("audit"))
    places = [sections.module_of(name).PLACE for name in sections.names()]
    assert places == sorted(set(places))


@pytest.mark.parametrize("name", ["", "x.y", "../html", "Accuracy", "a" * 5000, "é"])
def test_other_names_have_none(name):
    assert sections.module_of(name) is None
    assert sections.shape_of(name)([1, "a"]) is None


def test_no_other_module_of_the_report_compares_with_the_name_of_an_audit():
    audits = set(catalogue.names("audit")) - {"accuracy"}  # a key of estimates too
    for path in Path(report.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                sides = (node.left, *node.comparators)
                inside = {s.value for s in sides if isinstance(s, ast.Constant)}
                assert not inside & audits, (path, node.lineno)


def test_a_section_that_fails_is_a_plain_table(row, monkeypatch):
    module = sections.module_of("fairness")
    monkeypatch.setattr(module, "blocks", lambda *_: 1 / 0)
    found, problems = run_page.sections_of(row, Artefacts(), drawn=False)
    (fairness,) = [section for section in found if section.audit == "fairness"]
    assert fairness.blocks[0].kind == "grid"
    assert problems == [
        "the section fairness cannot be shown (ZeroDivisionError: division by zero)"
    ]


def rows(part):
    table, total = plain_table.plain_table(part)
    return table.columns, [[str(cell) for cell in row] for row in table.rows], total


def test_nested_keys_are_flattened_and_intervals_shown():
    part = {"a": {"b": fabricate.around(0.5, 0.25, 3)}, "c": None, "d": True, "e": {}}
    assert rows(part) == (
        ("", "Value"),
        [
            *(["a, b", "0.5 (0.25 to 0.75)"], ["c", "not measured"]),
            *(["d", "yes"], ["e", "not measured"]),
        ],
        4,
    )


def test_estimates_keep_what_stands_beside_them():
    columns, found, _ = rows({"a": fabricate.around(0.5) | {"bins": 15}})
    assert found == [["a", "0.5 (0.49 to 0.51)"], ["a, bins", "15"]]
    assert rows({"a": {"mean": None, "ci": None}})[1] == [["a", "unresolved"]]


def test_lists_and_long_parts_are_cut():
    assert rows({"a": list(range(9))})[1] == [
        ["a", "0, 1, 2, 3, 4, 5, 6, 7, ... (9 in all)"]
    ]
    many = [{"x": i} for i in range(10)]
    assert rows(many)[1][-2:] == [["8, x", "7"], ["...", "2 more"]]
    long = {str(i): i for i in range(1000)}
    _, found, total = rows(long)
    assert len(found) == plain_table.MOST_ROWS and total == 1000
    *_, note = plain_table.blocks(long, "Long")
    assert note.text == "The first 200 of 1000 rows; record.json holds all."
    assert len(rows({"a": "x" * 900})[1][0][1]) < 210


@pytest.mark.parametrize("part", [None, 0.5, "text", [], {}, [[1, [2]], {"a": []}]])
def test_any_part_is_a_table(part):
    columns, found, _ = rows(part)
    assert all(len(row) == len(columns) for row in found)


def test_parts_are_checked_by_their_own_section(row):
    row["fairness"]["distilled"]["cvar"] = 7.0
    kept, problems = schema.sound(row, "here")
    assert "fairness" not in kept and problems == [
        "here: fairness.distilled.cvar is 7; need a fraction"
    ]
