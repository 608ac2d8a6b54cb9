"""Membership inference: curves, classes, groups, canaries, calibrated thresholds."""

import fabricate
import pytest

from dd_jax.report import schema
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.formats import Cell
from dd_jax.report.schema import validate
from dd_jax.report.sections import privacy_section
from dd_jax.report.sections import privacy_tables as tables
from dd_jax.report.sections.privacy_notes import explanation
from dd_jax.types import InputError


def slices(auc):
    own = fabricate.membership(auc, 0.03)
    return {"auc": own["auc"], "tpr_at_fpr": {"0.01": own["tpr_at_fpr"]["0.01"]}}


def attack(row, pipe="distilled", threat="t2"):
    return row["privacy"][pipe][threat]["lira_online"]


def texts(row):
    return [cell.text if isinstance(cell, Cell) else cell for cell in row]


def test_nothing_measured_no_table(row):
    makers = (tables.classes, tables.groups, tables.canaries, tables.initial_images)
    for table in makers:
        assert table(row) is None
    assert tables.at_shadow_thresholds(row) is None
    row.pop("privacy")
    assert tables.canaries(row) is None and tables.attacks(row) is None


def test_classes_stand_in_order_by_name_beside_baselines(row):
    attack(row)["by_class"] = {c: slices(0.5) for c in ("10", "2", "0")}
    attack(row, "full_data")["by_class"] = {"2": slices(0.7)}
    table = tables.classes(row)
    assert [r[0] for r in table.rows] == ["digit 0", "digit 2", "class 10"]
    assert table.columns == (
        "Class",
        "Distilled, AUC",
        "Distilled, TPR at 1 % FPR",
        "Full data, AUC",
        "Full data, TPR at 1 % FPR",
    )
    assert texts(table.rows[1]) == ["digit 2", "0.500", "3.0 %", "0.700", "3.0 %"]
    assert texts(table.rows[0])[3:] == ["not measured"] * 2


def test_a_group_that_no_pair_splits_is_not_measured(row):
    attack(row)["by_group"] = {"0": slices(0.6), "1": None}
    table = tables.groups(row)
    assert texts(table.rows[1]) == ["group 1", "not measured", "not measured"]


def test_canaries_have_names(row):
    attack(row)["canaries"] = {str(k): slices(0.6 + 0.1 * k) for k in range(3)}
    rows = [texts(r)[:2] for r in tables.canaries(row).rows]
    assert rows == [
        ["mislabelled", "0.600"],
        ["out of distribution", "0.700"],
        ["in four copies", "0.800"],
    ]


def test_thresholds_set_on_shadows_say_where_they_are_unresolved(row):
    known = {"tpr": fabricate.around(0.12), "achieved_fpr": fabricate.around(0.11)}
    attack(row)["calibrated"] = {
        "0.1": known | {"resolved": True},
        "0.01": {"tpr": None, "achieved_fpr": None, "resolved": False},
    }
    (only,) = tables.at_shadow_thresholds(row).rows
    assert texts(only) == ["Distilled", "12.0 %", "11.0 %", "unresolved", "unresolved"]


def test_row_thresholds_stand_beside_the_pooled_ones(row):
    assert tables.at_row_thresholds(row) is None
    own, unresolved = fabricate.around(0.07), {"mean": None, "resolved": False}
    rates = {"0.1": own | {"resolved": True}, "0.01": unresolved}
    attack(row)["tpr_at_fpr_per_row"] = rates
    attack(row)["tpr_at_fpr"]["0.1"] = fabricate.around(0.12)
    found = tables.at_row_thresholds(row)
    assert found.columns[1:3] == (
        "TPR at 10 % FPR, one threshold",
        "TPR at 10 % FPR, a threshold a row",
    )
    (only,) = found.rows
    assert texts(only)[1:3] == ["12.0 %", "7.0 %"]
    assert texts(only)[4] == "unresolved"
    validate(row)
    blocks = privacy_section.blocks(row, Artefacts())
    (own,) = [b for b in blocks if getattr(b, "summary", "").endswith("for each row")]
    assert privacy_section.ROW_THRESHOLDS in str(own)


@pytest.mark.parametrize("smallest", [4e-4, 0.02, 1.0])
def test_roc_shows_chance_and_resolution(row, smallest):
    row["run"]["labels"] = {"mine": "My score"}
    points = [[0.0, 0.0], [0.1, 0.3], None, [0.5, None], [1.0, 1.0]]
    curves = {"distilled": {"loss": points, "mine": points}}
    axes = fabricate.plotted(privacy_section.roc_curves(row, curves, smallest))
    assert axes.get_legend_handles_labels()[1] == [
        "Distilled, Loss threshold",
        "Distilled, My score",
        "Chance",
        "Not resolved",
    ]
    assert axes.get_xlim()[0] < smallest


def test_a_figure_for_each_threat_with_a_curve_and_a_resolution(row):
    roc = fabricate.curves()["roc"]
    roc["distilled"]["t1"] = roc["distilled"]["t2"]
    found = privacy_section.blocks(row, Artefacts(curves={"roc": roc}))
    (pair, *_) = [block for block in found if block.kind == "pair"]
    assert [figure.alt for figure in pair.left[0].items] == [
        "ROC of the membership attacks, T2, released model"
    ]


def test_members_that_were_initial_images_stand_beside_the_others(row):
    few = {"mean": None, "ci": None, "n": 3}
    attack(row)["initial_images"] = {
        "used": {"members": 7, "auc": few},
        "not_used": slices(0.5) | {"members": 40},
    }
    schema.validate(row)
    table = tables.initial_images(row)
    assert [texts(r)[1:3] for r in table.rows] == [["7", "unresolved"], ["40", "0.500"]]
    attack(row)["initial_images"]["used"]["members"] = -1
    with pytest.raises(InputError, match="initial_images.used.members is -1"):
        schema.validate(row)


@pytest.mark.parametrize("smaller", [True, False])
def test_sizes_of_a_worst_case_audit_are_stated_where_they_are_smaller(row, smaller):
    published = {"audit_rows": 500, "shadows": 32}
    found = {"audit_rows": 80 if smaller else 500, "shadows": 32, "smaller": smaller}
    row["privacy"]["protocol"] = found | {"published": published}
    schema.validate(row)
    lines = " ".join(explanation(row, {}))
    assert f"its own half of {found['audit_rows']} audit rows and all other" in lines
    assert "fixed bulk" in lines and "half that was distilled" not in lines
    stated = "80 audit rows and 32 shadow models, is smaller than the published setting"
    assert (stated in lines) == smaller
    row["privacy"]["protocol"] = {"shadows": 32}
    with pytest.raises(InputError, match="protocol has no audit_rows"):
        schema.validate(row)
