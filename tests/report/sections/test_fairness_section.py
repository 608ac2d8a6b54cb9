"""Tables of fairness between classes, between groups, and against references."""

import fabricate
import pytest

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import Fold, Grid, Text
from dd_jax.report.schema import validate
from dd_jax.report.sections import fairness_section, robustness_tables
from dd_jax.report.sections import fairness_tables as tables
from dd_jax.types import InputError

REFERENCES = {
    "distilled": ("full_data", "random_subset"),
    "random_subset": ("full_data",),
}


def texts(table):
    return [[str(cell) for cell in row] for row in table.rows]


@pytest.fixture
def grouped(row):
    """A Record with groups 2 and 10, and differences from references."""
    for i, (pipe, part) in enumerate(row["fairness"].items()):
        part |= {
            "deo_max": fabricate.around(0.5),
            "deo_mean": fabricate.around(0.25),
            "demographic_parity": fabricate.around(0.125),
            "worst_group": fabricate.around(0.6) | {"of_mean": 0.61},
            "by_group": {"2": fabricate.around(0.9), "10": fabricate.around(0.6)},
            "smallest_cell": 7,
            "drop_from_subset": {"max": 0.02, "mean": 0.0, "std": 0.01},
            "amplification": {
                reference: {
                    "class_gap": fabricate.around(0.03 + i) | {"bias": 0.004},
                    "worst_class": {"mean": -0.02, "ci": None, "n": 1, "bias": None},
                }
                for reference in REFERENCES.get(pipe, ())
            },
        }
    row["fairness"]["random_subset"]["amplification"]["full_data"]["class_gap"] = 0.1
    return row


def test_tables_of_groups_and_references(grouped):
    record = validate(grouped)
    assert tables.groups(record).columns[1:] == tuple(tables.GROUPS)
    assert texts(tables.groups(record))[0] == [
        "Distilled",
        "50.0 points (49.0 to 51.0)",
        "25.0 points (24.0 to 26.0)",
        "12.5 points (11.5 to 13.5)",
        "60.0 % (59.0 to 61.0)",
    ]
    by_group = tables.by_group(record)
    assert by_group.columns == ("Accuracy", "Distilled", "Random subset", "Full data")
    assert [line[0] for line in texts(by_group)] == ["group 2", "group 10"]
    assert texts(tables.amplification(record)) == [
        ["Distilled (against full data)", "3.0 points (2.0 to 4.0)", "-2.0 points",
         "12.0 points"],
        ["Distilled (against random subset)", "3.0 points (2.0 to 4.0)", "-2.0 points",
         "2.0 points"],
        ["Random subset (against full data)", "10.0 points", "-2.0 points",
         "12.0 points"],
    ]  # fmt: skip


def test_the_section_has_tables_of_what_was_measured(row, grouped):
    found = fairness_section.blocks(grouped, Artefacts())
    labels = [block.label for block in found if isinstance(block, Grid)]
    assert labels == [
        "Fairness",
        "Differences between classes, less those after other training",
        "Fairness between groups",
    ]
    assert isinstance(found[-1], Fold)
    assert any("the fewest: 7." in b.text for b in found if isinstance(b, Text))
    plain = fairness_section.blocks(fabricate.record(), Artefacts())
    assert [block.label for block in plain if isinstance(block, Grid)] == ["Fairness"]
    assert tables.groups(fabricate.record()) is None
    assert fairness_section.blocks({"run": {}}, Artefacts())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by_group": {"a": 0.5}}, "fairness.distilled.by_group has keys that are no"),
        ({"by_group": {"1": 1.5}}, "fairness.distilled.by_group.1 is 1.5"),
        ({"amplification": {"full_data": {"class_gap": 3.0}}}, "class_gap is 3"),
        ({"demographic_parity": "high"}, "demographic_parity is a text"),
    ],
)
def test_what_is_no_number_is_refused(grouped, change, words):
    grouped["fairness"]["distilled"] |= change
    with pytest.raises(InputError, match=words):
        validate(grouped)


def test_robust_accuracy_of_groups_has_the_worst_first(row):
    rows = row["robustness"]["distilled"]["worst_case"]
    for found in rows:
        found["by_group"] = {"0": 0.5, "3": fabricate.around(0.25), "7": None}
    table = robustness_tables.groups(validate(row), "linf")
    assert len(table.rows) == len(rows) == 6
    assert texts(table)[2][0] == "Distilled (Linf radius 0.03)"
    assert texts(table)[2][2] == "3: 25.0 %, 0: 50.0 %"
    assert robustness_tables.groups(row, "l2") is None
