"""Frontiers of a sweep with mitigations: which points, which are best, and the plot."""

import fabricate
import pytest
from matplotlib.figure import Figure

from dd_jax.report import frontier, trends


def runs(*settings):
    """Records by `(form of fair distillation, eta, accuracy, deo_max, seed)`."""
    found = []
    for i, (form, eta, accuracy, deo, seed) in enumerate(settings):
        record = fabricate.record(f"{i:03x}", seed=seed, config={})
        record["accuracy"]["distilled"] = fabricate.around(accuracy)
        record["fairness"]["distilled"]["deo_max"] = fabricate.around(deo)
        if form:
            record["run"]["fair"] = {"form": form, "groups": 10, "eta": eta}
            record["run"]["config"] = {
                "mitigate.fair.form": form,
                "mitigate.fair.eta": eta,
            }
        found.append(record)
    return found


SWEEP = runs(
    ("", 0.0, 0.40, 0.95, 0),
    ("", 0.0, 0.42, 0.97, 1),
    ("dro", 0.01, 0.70, 0.30, 0),
    ("dro", 0.1, 0.60, 0.20, 0),
    ("balanced", 0.01, 0.65, 0.40, 0),
)
ODDS = next(risk for risk in frontier.RISKS if risk.name == "Equalised odds, max")


def test_repeats_are_one_point_and_points_that_others_improve_on_are_left_out():
    points = frontier._points(frontier.by_setting(SWEEP), ODDS)
    assert [(p.risk["mean"], p.accuracy["mean"]) for p in points] == [
        (pytest.approx(0.96), pytest.approx(0.41)),
        (0.30, 0.70),
        (0.20, 0.60),
        (0.40, 0.65),
    ]
    best = frontier.best(points, ODDS)
    assert [p.accuracy["mean"] for p in best] == [0.60, 0.70]


def test_where_more_is_better_the_front_is_on_the_other_side():
    more = ODDS._replace(more=True)
    best = frontier.best(frontier._points(frontier.by_setting(SWEEP), ODDS), more)
    assert [round(p.accuracy["mean"], 2) for p in best] == [0.41, 0.65, 0.70]


def test_there_is_a_panel_for_each_risk_that_was_measured():
    titles = [title for title, _ in frontier.frontiers(SWEEP)]
    assert titles[:2] == [
        "Accuracy against worst-class accuracy",
        "Accuracy against equalised odds, max",
    ]
    for record in SWEEP:
        record["fairness"]["random_subset"].pop("deo_max", None)
    plans = [plan for plan in trends.plans(SWEEP) if plan.metric == "Frontier"]
    assert [plan.title for plan in plans] == titles
    assert b"<svg" in trends.draw_panel(plans[1]).svg


def test_each_data_set_has_its_panels_and_baselines_are_by_size():
    found = runs(*[("", 0.0, 0.4, 0.9, i) for i in range(5)], ("dro", 0.1, 0.6, 0.2, 0))
    found[0]["run"]["dataset"] = found[4]["run"]["dataset"] = "other"
    found[4]["run"]["ipc"] = 20.0
    found[1]["run"]["ipc"] = 20.0
    found[2]["run"]["config"] = {"backdoor.rate": 0.1}
    titles = [title for title, _ in frontier.frontiers(found)]
    assert all(title.endswith(", digits (scikit-learn)") for title in titles)
    found[3]["accuracy"]["random_subset"] = fabricate.around(0.25)
    baselines = frontier._baselines(found[1:4], frontier.RISKS[0])
    subsets = ["Random subset, IPC 10", "Random subset, IPC 20"]
    assert sorted(point.label for _, point in baselines) == ["Full data", *subsets]
    assert 0.25 in [point.accuracy["mean"] for _, point in baselines]


def test_poisoned_sets_are_no_points():
    found = runs(("", 0, 0.4, 0.9, 0), ("", 0, 0.5, 0.9, 0), ("dro", 0.1, 0.3, 0.2, 0))
    found[1]["run"]["config"] = {"backdoor.rate": 0.1}
    axes = Figure().subplots()
    frontier.frontiers(found)[1][1](axes)
    lines = [one for one in axes.lines if one.get_linestyle() == "--"]
    assert list(lines[0].get_ydata()) == [0.3, 0.4]
    assert not any("backdoor" in x for x in axes.get_legend_handles_labels()[1])


def test_a_sweep_without_mitigations_has_none():
    assert frontier.frontiers(SWEEP[:2]) == []


def test_the_line_joins_the_best_and_every_setting_is_named():
    _, draw = frontier.frontiers(SWEEP)[1]
    axes = Figure().subplots()
    draw(axes)
    (line,) = [one for one in axes.lines if one.get_linestyle() == "--"]
    assert list(line.get_ydata()) == [0.60, 0.70]
    labels = [text for text in axes.get_legend_handles_labels()[1]]
    assert sum("dro" in label for label in labels) == 2
    assert any("balanced" in label for label in labels)
