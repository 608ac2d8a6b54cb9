"""Risks of settings with mitigations beside plain sets of the same accuracy."""

import fabricate
import pytest

from dd_jax.report import markdown
from dd_jax.report.matched_accuracy import at_accuracy
from dd_jax.types import InputError


def run(i, ipc, accuracy, robust, attack=0.0, method="dm"):
    record = fabricate.record(f"{i:03x}", ipc=ipc, method=method)
    record["run"]["config"] = {"distill.ipc": ipc, "mitigate.robust.eps": attack}
    record["run"]["adversarial"] = {"train": 0.0, "distill": attack}
    record["accuracy"]["distilled"] = fabricate.around(accuracy)
    record["fairness"]["distilled"] = {"worst_class": fabricate.around(accuracy - 0.1)}
    rows = [{"norm": "linf", "eps": 0.03, "accuracy": fabricate.around(robust)}]
    attacks = {"pgd_linf": rows, "autoattack": rows}
    record["robustness"] = {"distilled": {"attacks": attacks}}
    record["privacy"] = {}
    return record


def cells(*found):
    lines = [line.split("|")[1:-1] for line in markdown.matched(found).splitlines()]
    columns, _, *rows = ([cell.strip() for cell in line] for line in lines)
    return [dict(zip(columns, row)) for row in rows]


def test_a_risk_is_that_between_the_two_nearest_plain_sets():
    sizes = run(1, 5, 0.6, 0.1), run(2, 10, 0.8, 0.3)
    (row,) = cells(*sizes, run(3, 10, 0.75, 0.4, attack=0.03))
    assert row["accuracy"].startswith("75.0 %")
    assert (
        row["Accuracy under AutoAttack (Linf); plain"]
        == "40.0 % (39.0 to 41.0); 25.0 %"
    )
    assert row["Worst-class accuracy; plain"] == "65.0 % (64.0 to 66.0); 65.0 %"
    assert "Membership AUC; plain" not in row


def test_other_methods_and_other_accuracies_say_nothing():
    sizes = run(1, 5, 0.6, 0.1), run(2, 10, 0.8, 0.3, method="dsa")
    rows = cells(*sizes, run(3, 10, 0.7, 0.4, attack=0.03))
    assert rows[0]["Accuracy under PGD (Linf); plain"] == "40.0 % (39.0 to 41.0); -"


def test_another_form_of_a_method_is_no_reference():
    other, mitigated = run(2, 10, 0.8, 0.3), run(3, 10, 0.7, 0.4, attack=0.03)
    other["run"]["method_form"] = 2
    rows = cells(run(1, 5, 0.6, 0.1), other, mitigated)
    assert rows[0]["Accuracy under PGD (Linf); plain"] == "40.0 % (39.0 to 41.0); -"


def test_other_data_other_recipes_and_poisoned_sets_are_no_reference():
    mitigated = run(9, 10, 0.7, 0.4, attack=0.03)
    others = [run(i, ipc, a, r) for i, (ipc, a, r) in enumerate([(5, 0.6, 0.1)] * 4)]
    others[0]["run"]["dataset"] = "other"
    others[1]["run"]["config"] |= {"data.rows": 100}
    others[2]["run"]["config"] |= {"train.lr": 0.5}
    others[3]["run"]["config"] |= {"backdoor.rate": 0.1}
    (row,) = cells(*others, run(8, 20, 0.8, 0.3), mitigated)
    assert row["Accuracy under PGD (Linf); plain"].endswith("; -")
    (row,) = cells(*others, run(8, 20, 0.8, 0.3), run(7, 5, 0.6, 0.1), mitigated)
    assert row["Accuracy under PGD (Linf); plain"].endswith("; 20.0 %")


def test_sets_of_several_data_name_theirs():
    found = run(1, 10, 0.7, 0.4, attack=0.1), run(2, 10, 0.7, 0.4, attack=0.1)
    found[1]["run"]["config"] |= {"data.rows": 100}
    assert [row["data set"] for row in cells(*found)] == [
        "digits (scikit-learn)",
        "digits (scikit-learn), rows 100",
    ]


def test_points_of_any_order_and_none():
    points = [(0.9, 0.2), (0.5, 1.0), (0.7, 0.6)]
    assert at_accuracy(points, 0.6) == pytest.approx(0.8)
    assert at_accuracy(points, 0.9) == pytest.approx(0.2)
    assert at_accuracy(points, 0.91) is None and at_accuracy([], 0.5) is None


def test_a_sweep_without_mitigations_is_refused():
    with pytest.raises(InputError, match="no run has a mitigation"):
        markdown.matched([run(1, 5, 0.6, 0.1)])
