"""Sections of 8-bit sets, learning curves and corruptions."""

import fabricate

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.sections import (
    corruptions_section,
    learning_curve_section,
    quantization_section,
)


def texts(table):
    return [[str(cell) for cell in row] for row in table.rows]


def test_accuracy_in_8_bits_stands_beside_that_before(row):
    row["quantization"] = {"accuracy": 0.0, "clipped": 0.25, "largest_change": 0.5}
    table = quantization_section.quantised(row)
    assert texts(table)[0][1:] == [
        *("86.0 % (85.0 to 87.0)", "0.0 %", "86.0 points", "25.0 %", "0.500")
    ]
    assert quantization_section.quantised({"quantization": {}}) is None


def test_a_learning_curve_is_a_table_and_a_figure(row):
    row["learning_curve"] = [
        {"step": s, "seconds": s / 10, "accuracy": fabricate.around(0.5)}
        for s in (10, 100)
    ]
    (pair,) = learning_curve_section.blocks(row, Artefacts())
    (grid,), (plots,) = pair
    assert [line[:2] for line in texts(grid.table)] == [
        ["10", "1.0 s"],
        ["100", "10.0 s"],
    ]
    (figure,) = plots.items
    last = row | {"learning_curve": row["learning_curve"][1:]}
    assert learning_curve_section.blocks(last, Artefacts()) == []
    assert list(fabricate.plotted(figure.draw).lines[0].get_xdata()) == [1.0, 10.0]


def test_corruptions_have_their_range_over_severities(row):
    row["corruptions"] = {
        "distilled": {"clean": [0.9], "fog": [0.8, 0.6]},
        "full_data": {"clean": [1.0], "fog": None},
        "mce": {"distilled": 1.5, "full_data": None},
    }
    table = corruptions_section.corruptions(row)
    assert table is not None and table.columns == (
        "Corruption",
        "Distilled",
        "Full data",
    )
    assert texts(table) == [
        ["clean", "90.0 %", "100.0 %"],
        ["fog", "70.0 % (80.0 % to 60.0 %)", "not measured"],
        [
            "mean corruption error, full data = 1",
            "1.500",
            "undefined: full data have no error",
        ],
    ]
