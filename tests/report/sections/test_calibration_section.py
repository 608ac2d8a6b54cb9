"""Calibration: errors before and after scaling, reliability diagrams."""

import fabricate
import pytest

from dd_jax.report import schema
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.sections import calibration_section as section
from dd_jax.types import InputError

FEW = [None, {"count": 0}, {"confidence": 0.9, "accuracy": 0.1, "count": 9}]


def bins(shift, count=10):
    return [
        {"confidence": c, "accuracy": c - shift, "count": count * (i + 1)}
        for i, c in enumerate((0.25, 0.5, 0.75))
    ]


def calibrated(ece):
    errors = {"ece": ece, "nll": 0.5, "brier": 0.25}
    return {
        **{key: fabricate.around(value) for key, value in errors.items()},
        "temperature": fabricate.around(1.5, 0.25),
        "reliability": bins(0.125),
        "scaled": {
            **{key: fabricate.around(value / 2) for key, value in errors.items()},
            "reliability": bins(0.0),
        },
    }


@pytest.fixture
def measured(row):
    row["calibration"] = {pipe: calibrated(0.125) for pipe in fabricate.LEVEL}
    return schema.validate(row)


def test_errors_stand_before_and_after_scaling(measured):
    table = section.errors(measured)
    assert table is not None and len(table.rows) == 3
    assert table.columns == (
        "Training data",
        *("ECE", "ECE, scaled", "NLL", "NLL, scaled"),
        *("Brier score", "Brier score, scaled", "Temperature"),
    )
    name, *cells = table.rows[0]
    assert name == "Distilled"
    assert [cell.text for cell in cells] == [
        *("12.5 %", "6.2 %", "0.500", "0.250", "0.250", "0.125", "1.500")
    ]
    assert cells[-1].detail == "1.250 to 1.750"


def test_a_diagram_before_and_one_after_scaling(measured):
    *_, shown = section.blocks(measured, Artefacts())
    before, after = shown.items
    assert "before" in before.alt and "after" in after.alt
    for figure, shift in ((before, 0.125), (after, 0.0)):
        axes = fabricate.plotted(figure.draw)
        assert fabricate.legend(figure.draw) == [*("Distilled", "Random subset")] + [
            "Full data"
        ]
        x, y = axes.lines[1].get_data()  # the first is the diagonal
        assert list(x) == [0.25, 0.5, 0.75]
        assert list(y) == [c - shift for c in x]
        (behind,) = [other for other in axes.figure.axes if other is not axes]
        assert [bar.get_height() for bar in behind.patches] == [10, 20, 30]


def test_what_is_missing_is_left_out(row):
    row["calibration"] = {
        "distilled": {"ece": 0.1, "reliability": bins(0.1) + FEW},
        "full_data": None,
    }
    row = schema.validate(row)
    table = section.errors(row)
    assert table is not None and len(table.rows) == 1
    assert [str(cell) for cell in table.rows[0][1:3]] == ["10.0 %", "not measured"]
    *_, shown = section.blocks(row, Artefacts())
    (before,) = shown.items
    assert len(fabricate.plotted(before.draw).lines[1].get_xdata()) == 3
    row["calibration"] = {}
    assert section.errors(row) is None


def test_a_confidence_is_a_fraction(row):
    row["calibration"] = {"distilled": {"reliability": [{"confidence": 80}]}}
    with pytest.raises(InputError, match="reliability.0..confidence is 80; need a f"):
        schema.validate(row)
