"""The rule of recommendation, savings, defences and the front, by hand."""

import pytest
from decision_cells import BOUNDS, cell, small_sweep
from fabricate import around, plotted
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.report import frontier
from dd_jax.report.decision import pareto
from dd_jax.report.decision.candidates import candidates
from dd_jax.report.decision.language import Language
from dd_jax.report.decision.mitigations import defences, mitigations
from dd_jax.report.decision.recommendation import rank, recommended
from dd_jax.report.decision.savings import savings

shares = st.floats(0, 1).map(lambda v: round(v, 2))


def chosen(*rows):
    return recommended(candidates(rows, BOUNDS))


def test_repeats_are_one_candidate():
    rows = [cell(f"{i}", seed=i % 3, ipc=float(1 + i // 3)) for i in range(6)]
    found = candidates(rows, BOUNDS)
    assert [len(own.records) for own in found] == [3, 3]
    assert [own.setting for own in found] == [{"ipc": "1"}, {"ipc": "2"}]


def test_the_smallest_of_equally_accurate_sets_is_recommended():
    rows = [
        cell("a", accuracy=0.9645, ipc=1.0),
        cell("b", accuracy=0.9645, ipc=5.0),
        cell("c", accuracy=0.965, ipc=10.0),
    ]
    assert chosen(*rows).ipc == 1
    rows[0] = cell("a", accuracy=0.962, ipc=1.0)  # below the interval of the best
    assert chosen(*rows).ipc == 5


def test_better_checks_come_before_accuracy():
    leaking = cell("a", accuracy=0.966, auc=0.7, ipc=1.0)
    assert chosen(leaking, cell("b", accuracy=0.961, ipc=10.0)).ipc == 10


def test_the_second_worst_check_decides_where_the_worst_are_equal():
    both = cell("a", accuracy=0.8, robust=0.4, ipc=1.0)
    one = cell("b", accuracy=0.8, ipc=10.0)
    assert chosen(both, one).ipc == 10


def test_a_noisy_set_is_not_preferred_to_a_known_one():
    noisy = cell("a", ipc=1.0)
    noisy["accuracy"]["distilled"] |= around(0.88, 0.12)
    assert candidates([noisy], BOUNDS)[0].checks[0].colour == "unknown"
    assert chosen(noisy, cell("b", accuracy=0.95, ipc=10.0)).ipc == 10
    assert chosen(noisy, cell("b", accuracy=0.5, ipc=10.0)).ipc == 1


def test_sets_with_less_measured_are_not_recommended():
    measured = cell("a", auc=0.7, ipc=10.0)
    assert chosen(measured, cell("b", ipc=1.0, parts=("robustness",))).ipc == 10


def test_a_recommendation_does_not_depend_on_the_order():
    rows = small_sweep()
    assert chosen(*rows).setting == chosen(*rows[::-1]).setting


def test_no_candidate_has_better_checks_than_the_recommended_one():
    found = candidates(small_sweep(), BOUNDS)
    assert rank(recommended(found)) == min(map(rank, found))


def test_savings_are_of_one_set_and_one_network():
    row = cell(sets=2, nets=5)  # 10 networks in 20 seconds; 5 on full data in 100
    spent = savings([row])
    assert spent[:3] == (30.0, 2.0, 20.0)
    assert spent.faster == 10 and spent.break_even == pytest.approx(30 / 18)


def test_experts_and_a_teacher_are_paid_too():
    row = cell(sets=2, nets=5)
    row["cost"] |= {"experts_seconds": 7.0, "teacher_seconds": 1.0}
    assert savings([row]).distill == 38.0  # those of two sets are the same
    row["cost"]["releases_seconds"] = 2.0
    assert savings([row]).distill == 40.0
    del row["cost"]["distill_seconds"]
    assert savings([row]).distill is None


def test_experts_that_earlier_versions_counted_with_those_of_shadows():
    row = cell(sets=1, nets=5)
    row["cost"] |= {"experts_seconds": 7.0, "shadow_distill_seconds": 1.0}
    assert savings([row]).distill is None and savings([row]).break_even is None
    row["cost"]["shadow_experts_seconds"] = 70.0
    assert savings([row]).distill == 67.0


def test_savings_that_are_none():
    row = cell(nets=1)
    row["cost"]["full_data_seconds"] = 10.0
    assert savings([row]).break_even is None
    del row["cost"]
    assert savings([row])[:3] == (None, None, None)


def test_defences_are_beside_the_same_setting_without():
    plain = [cell("a", init="real"), cell("b", init="noise", auc=0.56)]
    private = cell("c", init="noise", accuracy=0.9, auc=0.51)
    private["run"]["differential_privacy"] = {"epsilon": 2.0}
    private["run"]["config"] = {"dp.epsilon": 2.0}
    lonely = cell("d", ipc=50.0)
    lonely["run"]["adversarial"] = {"train": 0.03, "distill": 0.0}
    rows = mitigations(candidates([*plain, private, lonely], BOUNDS))
    assert [row.defences for row in rows] == [{"dp": 2.0}, {"adversarial": 0.03}]
    assert rows[0].reference.records[0]["run"]["init"] == "noise"
    assert rows[0].accuracy["mean"] == pytest.approx(-0.065)
    assert rows[0].auc["mean"] == pytest.approx(-0.05)
    assert rows[0].slower == pytest.approx(1)
    assert rows[1].reference is None and rows[1].accuracy is None


@pytest.mark.parametrize(
    "part, expected",
    [
        ({"form": "fairdd", "groups": 10.0}, {"fair_fairdd": 10.0}),
        (
            {"form": "dro", "groups": 2.0, "over": "groups", "eta": 0.1},
            {"fair_dro": 0.1},
        ),
        ({"form": "dro", "over": "classes", "eta": 0.1}, {"fair_dro_classes": 0.1}),
        ({"form": "of another version", "groups": 2.0}, {}),
        ({}, {}),
    ],
)
def test_fair_distillation_is_a_defence_with_a_name(part, expected):
    assert defences({"run": {"fair": part}}) == expected
    assert all(Language(code).knows(name) for name in expected for code in ("en", "ja"))


def test_an_allocation_of_images_is_a_defence_that_changes_the_worst_class():
    plain, allocated = cell("a"), cell("b")
    allocated["run"]["config"] = {"distill.allocation": [7, 13]}
    for record, worst in ((plain, 0.4), (allocated, 0.65)):
        own = record["fairness"]["distilled"]
        own["worst_class"] = {"mean": worst, "ci": [worst - 0.01, worst + 0.01], "n": 5}
    (row,) = mitigations(candidates([plain, allocated], BOUNDS))
    assert row.defences == {"allocation": 13.0}
    assert row.worst_class["mean"] == pytest.approx(0.25)
    assert all(Language(code).knows("allocation") for code in ("en", "ja"))


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=12))
def test_every_point_is_on_the_front_or_improved_on_by_one_that_is(points):
    best = frontier.front(points)
    assert best
    for x, y in points:
        assert any(points[i][0] <= x and points[i][1] >= y for i in best)
    along = sorted({points[i] for i in best})
    assert along == sorted(along, key=lambda p: p[1])


def test_the_plot_has_every_setting_and_a_ring_around_the_chosen_one():
    found = candidates(small_sweep(), BOUNDS)
    labels = ("cost", "accuracy", "front")
    axes = plotted(lambda axes: pareto.draw(axes, found, 2, labels))
    assert [text.get_text() for text in axes.texts] == list("123456")
    rings = [line for line in axes.lines if line.get_markersize() == pareto.RING]
    assert len(rings) == 1 and axes.get_xlabel() == "cost"


def test_seconds_are_the_cost_where_membership_was_not_measured():
    rows = [cell(f"{i}", ipc=float(i), parts=()) for i in (1, 2)]
    assert pareto.cost_axis(candidates(rows, BOUNDS)) == pareto.SECONDS
    assert pareto.cost_axis(candidates(small_sweep(), BOUNDS)) == pareto.AUC
