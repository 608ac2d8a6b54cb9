"""The section on the data, from a Record alone."""

import pytest
from fabricate import CLEAN, with_data

from dd_jax.report import run_page, schema
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Fold, Grid, Notes
from dd_jax.report.data_advice import NOTHING
from dd_jax.report.sections import data_section


def texts(table):
    return [[str(cell) for cell in row] for row in table.rows]


def test_advice_and_what_loading_did_come_first(row):
    row["data"] = with_data(images__constant=1)
    row["run"]["data_notes"] = ["left out 1 .txt: no images that Pillow reads"]
    first, *rest = data_section.blocks(row, Artefacts())
    assert isinstance(first, Notes) and list(first.lines) == [
        "Images of one colour everywhere: 1. Remove them.",
        "Loading: left out 1 .txt: no images that Pillow reads.",
    ]
    assert [type(block) for block in rest].count(Grid) == 3


def test_tables_have_every_split():
    part = with_data(duplicates__near__test={"rows": 5, "other_label": 2})
    assert texts(data_section.duplicates(part)) == [
        ["Copies", "0", "0", "0", "0"],
        ["Look the same", "0", "0", "5 (5 %)", "2"],
    ]
    assert texts(data_section.classes(part)) == [
        ["cat", "100", "50", "50"],
        ["dog", "150", "50", "50"],
        ["All", "250", "100", "100"],
        ["Largest over smallest", "1.50", "", ""],
        ["Effective number of classes", "1.9 of 2", "", ""],
    ]
    assert texts(data_section.images(part))[0] == ["Size", "32x24, 3 channels"]


def test_groups_are_folded(row):
    counts = {"train": [1000, 2], "validation": [0, 0], "test": [3, 4]}
    row["data"] = with_data(groups=[{"group": 1, **counts}])
    *_, last = data_section.blocks(row, Artefacts())
    assert isinstance(last, Fold)
    assert texts(last.blocks[0].table) == [
        ["1, cat", "1,000", "0", "3"],
        ["1, dog", "2", "0", "4"],
    ]


def test_the_page_has_it_without_any_problem(row):
    row["data"] = CLEAN
    kept, problems = schema.sound(row, "here")
    sections, failed = run_page.sections_of(kept, Artefacts(), drawn=False)
    assert problems == failed == []
    (section,) = [section for section in sections if section.audit == "data"]
    assert section.title == "Data" and section.blocks[0].lines == [NOTHING]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"classes__0__train": -1}, "data.classes[0].train is -1"),
        ({"duplicates__exact": None}, "data.duplicates has no exact"),
        ({"imbalance__ratio": "x"}, "data.imbalance.ratio is a text"),
        ({"images__height": 0}, "data.images.height is 0"),
    ],
)
def test_a_damaged_part_is_left_out(row, changes, words):
    row["data"] = with_data(**changes)
    kept, (problem,) = schema.sound(row, "here")
    assert "data" not in kept and words in problem
