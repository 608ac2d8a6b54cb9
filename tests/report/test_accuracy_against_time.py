"""Accuracy against seconds: which Records have a line, and what it goes through."""

from matplotlib.figure import Figure

from dd_jax.report.accuracy_against_time import curves
from dd_jax.report.trends import plans


def record(method, ipc=1, curve=()):
    rows = [
        {"step": s, "seconds": t, "accuracy": {"mean": a, "ci": None, "n": 1}}
        for s, t, a in curve
    ]
    estimate = {"mean": 0.5, "ci": [0.4, 0.6], "n": 3, "per_class": [0.5, 0.5]}
    return {
        "run": {"method": method, "ipc": ipc},
        "accuracy": {"distilled": estimate},
        "learning_curve": rows,
    }


CURVE = [(10, 3.0, 0.4), (20, 6.0, 0.5)]


def test_no_learning_curve_no_line():
    assert curves([record("dm"), {"run": {"method": "dc"}}]) is None


def test_one_line_for_each_record_with_curve():
    draw = curves([record("dm", curve=CURVE), record("dc"), record("idc", curve=CURVE)])
    axes = Figure().add_subplot()
    draw(axes)
    assert axes.get_legend_handles_labels()[1] == ["DM", "IDC"]
    x, y = axes.containers[0].lines[0].get_data()
    assert list(x) == [3.0, 6.0] and list(y) == [0.4, 0.5]


def test_other_settings_are_lines_of_their_own():
    windows = record("mtt", curve=[(10, 3.0, 0.6)] + CURVE[1:])
    windows["run"]["config"] = {"distill.mtt.growth": 75}
    later = record("dm", curve=CURVE)
    later["run"]["method_form"] = 2
    earlier, plain = record("dm", curve=CURVE), record("mtt", curve=CURVE)
    axes = Figure().add_subplot()
    curves([plain, windows, earlier, later])(axes)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["MTT", "MTT, mtt.growth 75", "DM", "DM, method_form 2"]
    firsts = [line.lines[0].get_ydata()[0] for line in axes.containers]
    assert firsts == [0.4, 0.6, 0.4, 0.4]


def test_experts_come_before_the_first_step():
    slow = record("mtt", curve=CURVE) | {"cost": {"experts_seconds": 60.0}}
    axes = Figure().add_subplot()
    curves([slow])(axes)
    assert list(axes.containers[0].lines[0].get_xdata()) == [63.0, 66.0]


def test_a_sweep_has_a_panel_for_each_size():
    curve = [record(m, ipc, CURVE) for m in ("dm", "dc") for ipc in (1, 10)]
    titles = [plan.title for plan in plans(curve)]
    times = [title for title in titles if "time" in title]
    assert times == [
        "Accuracy against time, images per class 1",
        "Accuracy against time, images per class 10",
    ]
