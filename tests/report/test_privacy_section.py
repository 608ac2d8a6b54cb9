"""Tables of slices, canaries, calibrated thresholds and likeness."""

import fabricate

from dd_jax.report import privacy_section as exposure
from dd_jax.report.formats import Shown


def slices(auc):
    own = fabricate.membership(auc, 0.03)
    return {"auc": own["auc"], "tpr_at_fpr": {"0.01": own["tpr_at_fpr"]["0.01"]}}


def attack(row, pipe="distilled", threat="t2"):
    return row["privacy"][pipe][threat]["lira_online"]


def texts(row):
    return [cell.text if isinstance(cell, Shown) else cell for cell in row]


def test_nothing_measured_no_table(row):
    for table in (exposure.classes, exposure.groups, exposure.canaries):
        assert table(row) is None
    assert exposure.calibrated(row) is None
    row.pop("privacy")
    row.pop("memorisation")
    assert exposure.canaries(row) is None and exposure.likeness(row) is None


def test_classes_stand_in_order_by_name_beside_baselines(row):
    attack(row)["by_class"] = {c: slices(0.5) for c in ("10", "2", "0")}
    attack(row, "full_data")["by_class"] = {"2": slices(0.7)}
    table = exposure.classes(row)
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
    table = exposure.groups(row)
    assert texts(table.rows[1]) == ["group 1", "not measured", "not measured"]


def test_canaries_have_names(row):
    attack(row)["canaries"] = {str(k): slices(0.6 + 0.1 * k) for k in range(3)}
    rows = [texts(r)[:2] for r in exposure.canaries(row).rows]
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
    (only,) = exposure.calibrated(row).rows
    assert texts(only) == ["Distilled", "12.0 %", "11.0 %", "unresolved", "unresolved"]


def test_likeness_shows_copies_beside_the_release(row):
    table = exposure.likeness(row)
    assert [str(r[0]) for r in table.rows] == [
        "Distilled (pixels)",
        "Distilled (network 0)",
        "Copies of training images (pixels)",
        "Copies of training images (network 0)",
    ]
    assert texts(table.rows[2])[1:] == [
        "62.0 %",
        "0.680",
        "0.850",
        "29.0 %",
        "5.0 %",
        "0.240",
    ]
