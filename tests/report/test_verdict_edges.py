"""Verdicts on Records at the edges: 0, 1, chance, nothing measured."""

import fabricate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.report import html, tables, verdict
from dd_jax.report.levels import CAUTION, GO, LEVELS, NO_GO, UNKNOWN
from dd_jax.report.sections import accuracy_section, fairness_tables

CHANCE = 1 / fabricate.CLASSES
EDGES = (0.0, CHANCE, 0.3, 0.6, 1.0)
values = st.one_of(st.none(), st.sampled_from(EDGES), st.floats(0, 1))


@st.composite
def estimates(draw):
    mean = draw(values)
    half = draw(st.sampled_from((None, 0.0, 0.004, 0.2)))
    if mean is None:
        return draw(st.sampled_from((None, {"mean": None, "ci": None, "n": 3})))
    if half is None:
        return draw(st.sampled_from((mean, {"mean": mean, "ci": None, "n": 1})))
    return fabricate.around(mean, half)


@st.composite
def rows(draw):
    row = {"run": fabricate.record()["run"]}
    pipes = ("distilled", "random_subset", "full_data")
    row["accuracy"] = {pipe: draw(estimates()) for pipe in pipes}
    row["fairness"] = {
        "distilled": {
            "worst_class": draw(estimates()),
            "induced_drop": draw(st.sampled_from((None, {"max": draw(values)}))),
        }
    }
    attack = {"auc": draw(estimates()), "tpr_at_fpr": {"0.01": draw(estimates())}}
    row["privacy"] = {"distilled": {"t2": {"lira_online": attack}}}
    row["robustness"] = {
        pipe: {
            "clean": draw(estimates()),
            "attacks": {
                "pgd_linf": [
                    {"eps": eps, "norm": "linf", "accuracy": draw(estimates())}
                    for eps in draw(st.sampled_from(((0.0, 0.03), (0.03, 0.2), (0.0,))))
                ]
            },
        }
        for pipe in pipes
    }
    return row


def mean(value):
    return value["mean"] if isinstance(value, dict) else value


def attacked(row, pipe):
    found = row["robustness"][pipe]["attacks"]["pgd_linf"]
    return {r["eps"] for r in found if r["eps"] > 0 and mean(r["accuracy"]) is not None}


@settings(max_examples=60, deadline=None)
@given(rows())
def test_levels_follow_what_was_measured(row):
    accuracy, membership, robustness, fairness = verdict.verdicts(row)
    ours = mean(row["accuracy"]["distilled"])
    subset = mean(row["accuracy"]["random_subset"])
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]
    both = attacked(row, "distilled") & attacked(row, "full_data")
    clean = mean(row["robustness"]["distilled"]["clean"])
    worst = mean(row["fairness"]["distilled"]["worst_class"])
    assert (accuracy.level == UNKNOWN) == (ours is None or subset is None)
    assert (membership.level == UNKNOWN) == (
        mean(attack["auc"]) is None and mean(attack["tpr_at_fpr"]["0.01"]) is None
    )
    assert (robustness.level == UNKNOWN) == (not both or clean is None)
    assert (fairness.level == UNKNOWN) == (worst is None or ours is None)
    if ours is not None and ours <= CHANCE:
        assert GO not in (accuracy.level, membership.level)
        assert GO not in (robustness.level, fairness.level)
        assert accuracy.level in (NO_GO, UNKNOWN)
    if clean is not None and clean <= CHANCE:
        assert robustness.level != GO
    for line in (accuracy, membership, robustness, fairness):
        assert "nan" not in line.finding and "inf" not in line.finding.split()
    accuracy_section.means(row)
    fairness_tables.classes(row)
    tables.overview([row], [verdict.verdicts(row)])


def level(line):
    return LEVELS.index(line.level)


@settings(max_examples=60, deadline=None)
@given(rows(), st.floats(0, 1), st.floats(0, 1), st.sampled_from((None, 0.0, 0.02)))
def test_a_worse_model_never_gets_a_better_level(row, one, other, half):
    low, high = sorted((one, other))
    of = lambda value: value if half is None else fabricate.around(value, half)
    row["accuracy"]["full_data"] = {"mean": 1.0, "ci": None, "n": 1}  # a ceiling

    def levels(value):
        row["accuracy"]["distilled"] = of(value)
        accuracy = level(verdict.verdict_on_accuracy(row))
        row["accuracy"]["distilled"] = 0.9
        row["fairness"]["distilled"]["worst_class"] = of(value)
        fairness = level(verdict.verdict_on_fairness(row))
        for attack in row["robustness"]["distilled"]["attacks"]["pgd_linf"]:
            attack["accuracy"] = of(value)
        return accuracy, fairness, level(verdict.verdict_on_robustness(row))

    assert all(a <= b for a, b in zip(levels(low), levels(high), strict=True))


@settings(max_examples=60, deadline=None)
@given(rows(), st.floats(0.5, 1), st.floats(0.5, 1), st.floats(0, 0.1))
def test_a_stronger_attack_never_gives_a_better_level(row, one, other, half):
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]

    def found(auc):
        attack["auc"] = fabricate.around(auc, half)
        return level(verdict.verdict_on_membership(row))

    weak, strong = sorted((one, other))
    assert found(strong) <= found(weak)
    # an attack that is wrong is right when turned round
    assert found(1 - strong) == found(strong)


def at(row, distilled, subset, full, half=0.0):
    for pipe, value in zip(row["accuracy"], (distilled, subset, full), strict=True):
        row["accuracy"][pipe] = fabricate.around(value, half)
    return verdict.verdict_on_accuracy(row)


@pytest.mark.parametrize("value", [0.0, CHANCE, 0.5, 1.0])
def test_three_equal_accuracies_are_no_gain(row, value):
    assert at(row, value, value, value).level == NO_GO


def test_no_share_is_kept_of_nothing(row):
    found = at(row, 0.5, 0.3, 0.0)
    assert found.level == CAUTION and "no share of it is defined" in found.finding
    cells = {cells[0]: cells[2] for cells in accuracy_section.means(row).rows}
    assert set(cells.values()) == {"undefined"}


def test_exactly_the_share_that_the_rule_asks_for_is_enough(row):
    assert at(row, 0.63, 0.5, 0.7).level == GO  # 0.63 / 0.7 < 0.9 in floating point


def test_a_mean_at_chance_but_for_rounding_is_at_chance(row):
    above = sum([0.1] * 3) / 3
    assert above > CHANCE
    assert at(row, above, 0.05, 0.1).level == NO_GO


def test_a_model_that_is_always_wrong_was_measured(row):
    for part in row["robustness"].values():
        part["clean"] = 0.0
        for rows in part["attacks"].values():
            for found in rows:
                found["accuracy"] = 0.0
    line = verdict.verdict_on_robustness(row)
    assert line.level == CAUTION
    assert "falls from 0.0 % to 0.0 %" in line.finding
    assert "not significantly above chance (10.0 %)" in line.finding


def test_two_classes_at_chance_under_attack_are_not_robust(row):
    row["run"]["num_classes"] = 2
    for pipe in ("distilled", "full_data"):
        row["robustness"][pipe]["clean"] = fabricate.around(0.95)
        for found in row["robustness"][pipe]["attacks"]["pgd_linf"]:
            found["accuracy"] = fabricate.around(0.5)
    line = verdict.verdict_on_robustness(row)
    assert line.level == CAUTION and "Neither model is robust" in line.finding


def test_radii_that_only_one_model_has_are_not_compared(row):
    for found in row["robustness"]["full_data"]["attacks"]["pgd_linf"]:
        found["accuracy"] = None if found["eps"] < 0.1 else found["accuracy"]
    assert "of radius 0.1 " in verdict.verdict_on_robustness(row).finding


@pytest.mark.parametrize("average", [0.0, CHANCE])
def test_no_model_at_chance_is_fair(row, average):
    row["accuracy"]["distilled"] = average
    row["fairness"]["distilled"] = {"worst_class": average, "induced_drop": 0.9}
    assert verdict.verdict_on_fairness(row).level == NO_GO
    row["fairness"]["distilled"]["induced_drop"] = 0.0
    assert verdict.verdict_on_fairness(row).level == CAUTION


@pytest.mark.parametrize(
    ("auc", "tpr", "level"),
    [
        (fabricate.around(0.0, 0.0), fabricate.around(0.0, 0.0), NO_GO),
        (fabricate.around(1.0, 0.0), fabricate.around(1.0, 0.0), NO_GO),
        (fabricate.around(0.5, 0.0), fabricate.around(0.0, 0.0), GO),
        (1.0, None, CAUTION),  # measured, without an interval
        (None, 0.0, CAUTION),
        (None, None, UNKNOWN),
    ],
)
def test_membership_at_the_edges(row, auc, tpr, level):
    attack = {"auc": auc, "tpr_at_fpr": {"0.01": tpr}}
    row["privacy"] = {"distilled": {"t2": {"lira_online": attack}}}
    assert verdict.verdict_on_membership(row).level == level


def test_the_most_accurate_of_runs_that_are_all_wrong_is_one_of_them(row):
    row["accuracy"]["distilled"] = 0.0
    assert "0.0 %" in html._best([row])[0]
