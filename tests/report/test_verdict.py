import fabricate
import pytest

from dd_jax.report import verdict


def accuracy(row, distilled, subset, full=0.97, half=0.01):
    row["accuracy"] = {
        "distilled": fabricate.around(distilled, half),
        "random_subset": fabricate.around(subset, half),
    }
    if full:
        row["accuracy"]["full_data"] = fabricate.around(full, half)
    return verdict.verdict_on_accuracy(row).level


def test_accuracy_rule(row):
    assert accuracy(row, 0.90, 0.80) == "go"
    assert accuracy(row, 0.80, 0.70) == "caution"  # 82 % of full data
    assert accuracy(row, 0.90, 0.89) == "caution"  # intervals overlap
    assert accuracy(row, 0.80, 0.80) == "no-go"
    assert accuracy(row, 0.90, 0.80, full=None) == "caution"
    row["accuracy"]["distilled"]["ci"] = None
    assert verdict.verdict_on_accuracy(row).level == "caution"
    row["accuracy"].pop("random_subset")
    assert verdict.verdict_on_accuracy(row).level == "not measured"


def test_full_data_below_the_distilled_set_rules_out_a_go(row):
    assert accuracy(row, 0.90, 0.80, full=0.88) == "caution"
    lines = verdict.verdicts(row)
    for line in (lines[0], *lines[2:]):
        assert line.level != "go" and "no upper bound" in line.finding
    assert accuracy(row, 0.90, 0.80, full=0.895) == "go"  # within the interval


def test_a_single_net_is_said_to_have_no_interval(row):
    row["accuracy"]["full_data"] = {"mean": 0.97, "ci": None, "n": 1}
    found = verdict.verdict_on_accuracy(row).finding
    assert "On the full data: 97.0 % (one net, no interval)" in found


def attack(auc, tpr, resolved=True):
    return {
        "auc": {"mean": sum(auc) / 2, "ci": list(auc), "n": 16},
        "tpr_at_fpr": {
            "0.01": {
                "mean": sum(tpr) / 2 if resolved else None,
                "ci": list(tpr) if resolved else None,
                "resolved": resolved,
            }
        },
    }


@pytest.mark.parametrize(
    ("auc", "tpr", "resolved", "level"),
    [
        ((0.48, 0.53), (0.005, 0.015), True, "go"),
        ((0.48, 0.60), (0.005, 0.015), True, "caution"),  # too wide to clear
        ((0.40, 0.52), (0.005, 0.015), True, "caution"),
        ((0.51, 0.54), (0.005, 0.015), True, "caution"),  # above chance, slightly
        ((0.48, 0.53), (0.02, 0.04), True, "no-go"),  # a few rows exposed
        ((0.56, 0.60), (0.005, 0.015), True, "no-go"),
        ((0.48, 0.53), (0.02, 0.04), False, "caution"),
        ((0.56, 0.60), (0.02, 0.04), False, "no-go"),
    ],
)
def test_membership_rule(row, auc, tpr, resolved, level):
    row["privacy"] = {"distilled": {"t2": {"lira_online": attack(auc, tpr, resolved)}}}
    found = verdict.verdict_on_membership(row)
    assert found.level == level
    says = {
        "go": "No better than guessing.",
        "no-go": "Members can be distinguished from non-members.",
        "caution": "Slightly better than guessing."
        if auc[0] > 0.5
        else "Not significantly better than guessing, but too uncertain for a go."
        if resolved
        else "Too few rows to resolve a low false-positive rate.",
    }
    assert found.finding.startswith(says[level])
    assert ("unresolved" in found.finding) is not resolved


def test_membership_goes_by_the_worst_attack(row):
    row["privacy"]["distilled"] = {
        "t1": {"loss": attack((0.6, 0.7), (0.02, 0.04))},
        "t2": {"lira_online": attack((0.48, 0.53), (0.005, 0.015))},
    }
    found = verdict.verdict_on_membership(row)
    assert found.level == "no-go"
    assert "Strongest of 2 attacks: Loss threshold (T1, released set)" in found.finding


def robust(row, distilled, full, clean=0.9):
    for pipe, mean in (("distilled", distilled), ("full_data", full)):
        row["robustness"][pipe] = {
            "clean": fabricate.around(clean),
            "attacks": {
                "pgd_linf": [
                    {"eps": 0.0, "norm": "linf", "accuracy": clean},
                    {"eps": 0.03, "norm": "linf", "accuracy": fabricate.around(mean)},
                    {"eps": 0.3, "norm": "linf", "accuracy": 0.0},
                ]
            },
        }
    return verdict.verdict_on_robustness(row)


def test_robustness_rule(row):
    assert robust(row, 0.70, 0.72).level == "go"
    assert robust(row, 0.70, 0.80).level == "caution"
    assert robust(row, 0.60, 0.80).level == "no-go"
    weak = robust(row, 0.10, 0.12)
    assert weak.level == "caution" and "Neither model is robust" in weak.finding
    assert "Under PGD Linf of radius 0.03 (pixels in [0, 1])" in weak.finding
    assert "At the largest radius, 0.3, the distilled model has 0.0 %" in weak.finding
    row["robustness"].pop("full_data")
    assert verdict.verdict_on_robustness(row).level == "not measured"


def test_fairness_rule(row):
    def level(worst, drop):
        row["fairness"]["distilled"] = {"worst_class": worst, "induced_drop": drop}
        return verdict.verdict_on_fairness(row).level

    assert level(0.80, {"max": 0.10}) == "go"
    assert level(0.50, {"max": 0.10}) == "caution"
    assert level(0.80, 0.30) == "caution"
    assert level(0.50, {"max": 0.30}) == "no-go"
    assert level(0.80, None) == "caution"
    assert level(None, None) == "not measured"


def test_every_verdict_shows_its_rule_and_limits(row):
    lines = verdict.verdicts(row)
    assert [line.level for line in lines] == ["caution", "no-go", "caution", "go"]
    assert all(line.rule and line.limits and line.finding for line in lines)
    assert verdict.overall(lines) == "no-go"


def test_nothing_measured(row):
    lines = verdict.verdicts({"run": row["run"]})
    assert {line.level for line in lines} == {"not measured"}
    assert verdict.overall(lines) == "not measured"


def test_a_warning_of_the_attacks_checks_leaves_no_go(row):
    assert robust(row, 0.70, 0.72).level == "go"
    row["robustness"]["distilled"]["checks"] = {
        "monotone_in_eps": None,
        "steps_converged": False,
    }
    warned = verdict.verdict_on_robustness(row)
    assert warned.level == "caution"
    assert "too weak: the check steps converged warns" in warned.finding
