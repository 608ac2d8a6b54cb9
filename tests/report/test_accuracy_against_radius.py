"""Accuracy against radius: which Records have a line, and what it goes through."""

from matplotlib.figure import Figure

from dd_jax.report.accuracy_against_radius import curves
from dd_jax.report.trends import plans


def record(method, ipc=1, worst=((0.0, 0.8), (0.1, 0.3))):
    rows = [
        {"eps": eps, "norm": norm, "accuracy": {"mean": accuracy, "ci": None, "n": 1}}
        for eps, accuracy in worst
        for norm in ("linf", "l2")
    ]
    part = {"worst_case": rows}
    return {
        "run": {"method": method, "ipc": ipc},
        "accuracy": {"distilled": {"mean": 0.8, "ci": None, "n": 1}},
        "robustness": {"distilled": part, "full_data": part},
    }


def test_one_method_or_one_radius_makes_no_curve():
    assert curves([record("dm"), record("dm")]) is None
    assert curves([record("dm"), record("dc", worst=[(0.1, 0.2)])]) is None
    assert curves([record("dm"), {"run": {"method": "dc"}}]) is None


def test_a_line_for_each_method_and_each_baseline_of_the_first():
    axes = Figure().add_subplot()
    curves([record("dm"), record("dc")])(axes)
    assert axes.get_legend_handles_labels()[1] == ["Full data", "DM", "DC"]
    x, y = axes.containers[0].lines[0].get_data()
    assert list(x) == [0.0, 0.1] and list(y) == [0.8, 0.3]


def test_a_sweep_has_a_panel_for_each_size():
    titles = [t.title for t in plans([record(m, i) for m in "ab" for i in (1, 10)])]
    assert [title for title in titles if "radius" in title] == [
        "Accuracy against radius, images per class 1",
        "Accuracy against radius, images per class 10",
    ]
