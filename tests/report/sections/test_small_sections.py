"""Sections of 8-bit sets, learning curves and corruptions."""

import copy

import fabricate
import pytest

from dd_jax.report import markdown
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.control_names import NAMES
from dd_jax.report.poison_errors import error_rates
from dd_jax.report.schema import sound
from dd_jax.report.sections import (
    backdoor_section,
    controls_section,
    corruptions_section,
    learning_curve_section,
    poison_section,
    quantization_section,
)
from dd_jax.types import InputError


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


def searched(accused):
    row = {"norm": 1.0, "expected": 2.0, "index": None}
    rows = [row | {"success": 0.5, "disagreement": None}] * 2
    return {
        "classes": rows,
        "accused": accused,
        "threshold": 3.5,
        "disagreement": 0.25,
        "outside": 0.5,
        "lowest": -0.25,
        "highest": 1.5,
    }


def test_accused_classes_are_named_with_the_rule_and_its_limits(row):
    row["poison"], row["run"]["class_names"] = searched([1]), ["cat", "dog"]
    words, limits, of_images, grid = poison_section.blocks(row, Artefacts())
    assert words.text.startswith("The set may carry a backdoor: a trigger smaller")
    assert words.text.endswith("3.5 standard deviations stands for dog.")
    assert "A clean set can be accused" in limits.text
    assert "25.0 %" in of_images.text and "-0.250 to 1.500" in of_images.text
    sizes = ["1.000", "2.000"]
    expected = ["cat", *sizes, "not measured", "50.0 %", "not measured"]
    assert texts(grid.table)[0] == expected


def test_a_set_with_no_accused_class_is_not_called_clean(row):
    row["poison"] = searched([])
    words = poison_section.verdict(row)
    assert words.startswith("No class is accused") and "not show" in words
    assert poison_section.blocks({"run": {}}, Artefacts()) == []


def test_a_backdoor_of_the_run_is_named_with_its_success(row):
    own = {"success": fabricate.around(0.5), "accuracy": 0.75}
    row["backdoor"] = {"target": 1, "size": 3, "distilled": own}
    words, grid = backdoor_section.blocks(row, Artefacts())
    assert "not for use" in words.text and "3 x 3" in words.text
    assert texts(grid.table) == [["Distilled", "50.0 % (49.0 to 51.0)", "75.0 %"]]
    assert backdoor_section.blocks({"run": {}, "backdoor": {}}, Artefacts()) == []


def controlled():
    rate = fabricate.around
    return {
        "controls": [
            {"name": "el2n", "form": "easiest rows", "accuracy": rate(0.5)},
            {"name": "hard_labels", "form": "", "accuracy": rate(0.6)},
        ],
        "unaugmented": {"distilled": rate(0.7)},
        "soft": True,
        "scores": {"hlr": 0.125, "ior": -0.05, "lrs": 0.25, "ars": None},
        "held_out": 1200,
    }


def test_controls_stand_beside_what_the_set_gains_over_them(row):
    row["controls"] = controlled()
    table, how, words, plain = controls_section.blocks(row, Artefacts())
    found = {line[0]: line[1:] for line in texts(table.table)}
    assert list(found)[-1] == "The set's images with hard labels"
    ours = row["accuracy"]["distilled"]["mean"]
    form, accuracy, gain = found["Real images by EL2N"]
    assert form == "easiest rows" and accuracy.startswith("50.0 % (49.0")
    assert gain.startswith(f"{100 * (ours - 0.5):.1f} points (")
    assert "1,200 training rows" in how.text
    assert "lose 12.5 points" in words.text and "gains -5.0 points" in words.text
    assert "LRS 0.250, from 0 to 1" in words.text
    assert "ARS is not of learned labels" in words.text
    assert texts(plain.table)[0][2].startswith("70.0 %")


def test_forms_that_were_not_chosen_stand_below_the_one_that_was(row):
    row["controls"] = controlled()
    other = {"form": "hardest rows", "accuracy": fabricate.around(0.4)}
    row["controls"]["controls"][0]["others"] = [other]
    assert sound(row, "here")[1] == []
    damaged = copy.deepcopy(row)
    damaged["controls"]["controls"][0]["others"] = [None]
    assert sound(damaged, "here")[1]
    name = "Real images by EL2N"
    lines = [line[1:3] for line in texts(controls_section.controls(row))
             if line[0] == name]  # fmt: skip
    assert [form for form, _ in lines] == ["easiest rows", "hardest rows, not chosen"]
    assert [accuracy[:6] for _, accuracy in lines] == ["50.0 %", "40.0 %"]


@pytest.mark.parametrize("control", ["same_steps", "same_labels", "learned_labels"])
def test_random_images_without_augmentation_are_beside_themselves(row, control):
    part = row["controls"] = controlled()
    part["controls"].append({"name": control, "accuracy": fabricate.around(0.4)})
    part["unaugmented"][control] = fabricate.around(0.3)
    unknown = control == "same_steps"  # as of a loaded set with learned labels
    assert ("ARS is not" in controls_section.scores(row)) is unknown
    words = [
        b.text for b in controls_section.blocks(row, Artefacts()) if hasattr(b, "text")
    ]
    learned = any("learned by the distillation" in text for text in words)
    assert learned is (control == "learned_labels")
    lines = texts(controls_section.unaugmented(row))
    name, augmented, plain = lines[2]
    assert name == NAMES[control].long
    assert augmented.startswith("40.0 %") and plain.startswith("30.0 %")
    assert lines[0][2].startswith("70.0 %")


def test_controls_without_numbers_are_left_out(row):
    assert controls_section.blocks({"run": {}}, Artefacts()) == []
    row["controls"] = controlled() | {"scores": None, "unaugmented": None}
    assert len(controls_section.blocks(row, Artefacts())) == 2
    row["controls"]["controls"][0] |= {"accuracy": None, "name": "of mine"}
    found = texts(controls_section.controls(row))
    assert ["of mine", "easiest rows", "not measured", "not measured"] in found


def test_errors_of_the_search_are_counted_on_records():
    clean = [{"poison": {"accused": accused}} for accused in ([], [2], [], [])]
    attacked = [
        {"poison": {"accused": accused}, "backdoor": {"target": 0}}
        for accused in ([0], [0, 3], [3])
    ]
    found = error_rates([*clean, *attacked, {"accuracy": {}}])
    assert found["false_accusations"]["mean"] == 1 / 4
    assert found["missed"]["mean"] == 1 / 3 and found["missed"]["n"] == 3
    low, high = found["missed"]["ci"]
    assert low < 0.01 and high > 0.9  # Clopper and Pearson: 0.0084 to 0.9057
    assert error_rates(clean).keys() == {"false_accusations"}


def test_errors_are_counted_at_other_thresholds(row):
    def searched(*sizes, **more):
        classes = [{"index": size} for size in sizes]
        return (
            fabricate.record() | {"poison": {"classes": classes, "accused": []}} | more
        )

    hit = {"distilled": {"success": fabricate.around(0.9)}, "target": 0}
    found = [
        *(searched(None, -3.2), searched(-1.0, -5.0), searched(0.0, 3.0)),
        *(searched(-3.7, 0.0, backdoor=hit), searched(0.0, -9.0, backdoor=hit)),
    ]
    lines = markdown.backdoors(found).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert [row[1::2][:2] for row in rows] == [["3", "2"]] * 3
    assert [row[2].split(" (")[0] for row in rows] == ["66.7 %", "33.3 %", "33.3 %"]
    assert [row[4].split(" (")[0] for row in rows] == ["50.0 %", "50.0 %", "100.0 %"]
    assert rows[0][5].startswith("90.0 %") and rows[0][0] == "3"
    with pytest.raises(InputError, match="set audits.poison.enabled"):
        markdown.backdoors([row])
