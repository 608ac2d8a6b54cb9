import fabricate
import numpy as np
import pytest
from matplotlib.figure import Figure

from dd_jax.report import __main__ as command
from dd_jax.report import lines, one_factor, sweep_axes, trends
from dd_jax.system import workdir


def runs(**axes):
    rows = [{}]
    for key, values in axes.items():
        rows = [row | {key: value} for row in rows for value in values]
    return [fabricate.record(f"{i:03x}", **row) for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({}, None),
        ({"seed": [0, 1]}, None),
        ({"ipc": [1, 10]}, ("ipc", None, ())),
        ({"method": ["dm", "random"]}, ("method", None, ())),
        (
            {"init": ["noise", "real"], "method": ["dm", "dsa", "mtt"]},
            ("method", "init", ()),
        ),
        ({"width": [8, 16], "ipc": [1, 5]}, ("ipc", "width", ())),
        (
            {"num_classes": [2, 5], "init": ["noise", "real"]},
            ("num_classes", "init", ()),
        ),
        (
            {"ipc": [1, 5], "init": ["noise", "real"], "num_classes": [2, 5]},
            ("ipc", "init", ("num_classes",)),
        ),
    ],
)
def test_layout_follows_what_varies(axes, expected):
    assert sweep_axes.layout(runs(**axes)) == expected


ARCHITECTURES = [("mlp", None), ("lenet", None), ("convnet", 8)]


@pytest.mark.parametrize(
    ("widths", "expected"),
    [([], ("arch", "method", ())), ([16], ("arch", "method", ("width",)))],
)
def test_a_width_that_only_some_architectures_have_is_no_axis(widths, expected):
    rows = []
    for arch, width in ARCHITECTURES + [("convnet", w) for w in widths]:
        found = runs(arch=[arch], method=["dm", "mtt"])
        rows += [{**row, "run": row["run"] | {"width": width}} for row in found]
    assert sweep_axes.layout(rows) == expected
    titles = [plan.title for plan in trends.plans(rows)]
    drawn = [title for title in titles if not title.startswith("Accuracy against")]
    assert len(drawn) == len(trends.METRICS) * (1 + 2 * len(widths))
    assert len(sweep_axes.ordered(rows)) == len(rows)


def test_a_panel_for_each_metric_and_class_count():
    axes = {"num_classes": [2, 5], "init": ["kmeans", "real"], "ipc": [1, 10]}
    plans = trends.plans(runs(**axes))
    assert len(plans) == len(trends.METRICS) * 2
    first = trends.draw_panel(plans[0])
    assert first.title == "Accuracy, classes 2"
    assert b"init k-means" in first.svg and b"Random subset" in first.svg


def test_a_sweep_of_one_factor_at_a_time_has_panels_for_each():
    """DM and DSA by size, initial images and classes, around 10 real images of 10."""
    sizes = {"ipc": [1, 10, 50], "init": ["real"], "num_classes": [10]}
    rows = [
        run
        for axis in (
            sizes,
            sizes | {"ipc": [10], "init": ["noise"]},
            sizes | {"ipc": [10], "num_classes": [2, 5]},
        )
        for run in runs(method=["dm", "dsa"], **axis)
    ]
    titles = [p.title for p in trends.plans(rows) if p.metric == "Accuracy"]
    assert titles == [
        "Accuracy, classes 10, init Random real images",
        "Accuracy, images per class 10, init Random real images",
        "Accuracy, images per class 10, classes 10",
    ]
    (first,) = [p for p in trends.plans(rows) if p.title == titles[1]]
    drawn = Figure().subplots()
    first.draw(drawn)
    named = [line.get_label() for line in drawn.containers]
    assert {"DM", "DSA"} <= set(named) and list(drawn.containers[0][0].get_xdata()) == [
        2,
        5,
        10,
    ]


def test_crossed_factors_are_no_parts():
    whole = runs(ipc=[1, 10], init=["real", "noise"], method=["dm", "dsa"])
    ((records, fixed),) = one_factor.parts(whole)
    assert records == whole and fixed == ()
    ((records, fixed),) = one_factor.parts(whole[:-1])
    assert len(records) == 7 and fixed == ()


def test_repeats_do_not_move_the_centre():
    inits = ["real", "noise", "kmeans"]
    rows = runs(ipc=[1], init=["real"], seed=[*range(9)]) + runs(ipc=[10], init=inits)
    fixed = [part.fixed for part in one_factor.parts(rows)]
    assert fixed == [("init",), ("ipc",)]


def test_the_centre_is_one_of_the_records():
    """IDC at 1 and DM at 10 images a class, of each width: no design of two factors."""
    rows = [*runs(method=["idc"], ipc=[1]), *runs(method=["dm", "mtt"], ipc=[10])]
    assert [part.fixed for part in one_factor.parts(rows)] == [()]


def test_a_metric_nowhere_measured_has_no_panel():
    rows = runs(ipc=[1, 10])
    for row in rows:
        row.pop("privacy")
    titles = [plan.title for plan in trends.plans(rows)]
    assert titles == [name for name in trends.METRICS if name != "Membership AUC"]


def test_ordered_by_panel_line_and_x(cells):
    rng = np.random.default_rng(0)
    shuffled = [cells[i] for i in rng.permutation(len(cells))]
    keys = [
        (r["run"]["num_classes"], r["run"]["init"], r["run"]["ipc"])
        for r in sweep_axes.ordered(shuffled)
    ]
    assert keys == sorted(keys) and len(set(keys)) == 36


def test_repeats_are_pooled():
    pooled = lines.pooled([{"mean": 0.4, "ci": None, "n": 1}, None, {"mean": 0.6}])
    assert pooled["mean"] == 0.5 and pooled["n"] == 2
    assert lines.pooled([None]) is None


def test_the_command_says_that_there_is_nothing_to_draw(tmp_path, capsys):
    workdir.write_jsonl(tmp_path / "one.jsonl", runs())
    given = [str(tmp_path / "one.jsonl"), "--trends", str(tmp_path / "plots")]
    assert command.main(given) == 2
    assert "no plots; no run key varies" in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


def test_write_names_files_after_titles(tmp_path):
    paths = trends.write_svgs(
        runs(ipc=[1, 5], init=["noise", "real"]), tmp_path / "new"
    )
    assert "accuracy.svg" in {path.name for path in paths}
    assert all(b"<svg" in path.read_bytes() for path in paths)


def legend(plan):
    panel = Figure().add_subplot()
    plan.draw(panel)
    return panel.get_legend_handles_labels()


def styles(handles):
    lines = [handle.lines[0] for handle in handles if hasattr(handle, "lines")]
    return [(x.get_color(), x.get_marker(), x.get_linestyle()) for x in lines]


def test_repeats_of_two_methods_are_two_lines():
    rows = runs(method=["dm", "dc"], seed=list(range(15)))[:29]
    (plan,) = [p for p in trends.plans(rows) if p.metric == "Accuracy against radius"]
    assert legend(plan)[1] == ["Random subset", "Full data", "DM", "DC"]


def test_many_lines_differ_and_no_more_than_can_are_drawn():
    rows = runs(method=[f"m{i:02}" for i in range(40)], init=["real", "noise"])
    for plan in trends.plans(rows):
        handles, labels = legend(plan)
        own = [s for s, n in zip(styles(handles), labels) if n[0] in "im"]
        assert len(set(own)) == len(own) <= lines.MOST
    titles = {plan.title for plan in trends.plans(rows)}
    assert "Accuracy, the first 40 of 40 of method" not in titles
    assert "Accuracy against radius, images per class 10, at most 28 lines" in titles
    many = runs(method=[f"m{i:02}" for i in range(41)], ipc=[1, 10])
    titles = {plan.title for plan in trends.plans(many)}
    assert "Accuracy, the first 28 of 41 of method" in titles


@pytest.mark.parametrize("key", ["init", "width", "seed", "sets", "ratio", "split"])
def test_runs_with_and_without_metadata_make_panels_together(key):
    rows = runs(method=["dm", "dc"], init=["real", "noise"], ipc=[1, 10])
    for row in rows[::3]:
        row["run"][key] = None
    for row in rows[1::3]:
        row["run"].pop(key)
    for plan in trends.plans(rows):
        assert legend(plan)[1]
    assert len(sweep_axes.ordered(rows)) == len(rows)


def test_titles_that_differ_in_signs_alone_are_files_of_their_own(
    tmp_path, monkeypatch
):
    rows = runs(ipc=[1, 5], init=["real", "noise"], arch=["a+b", "a-b", "é"])
    monkeypatch.setattr(trends, "svg", lambda draw, **_: b"<svg/>")
    paths = trends.write_svgs(rows, tmp_path)
    assert len(set(paths)) == len(paths) == len(trends.plans(rows))
    assert all(path.is_file() for path in paths)


def test_runs_with_another_defence_are_no_repeats():
    rows = runs(ipc=[1, 10], seed=[0, 1])
    defended = [
        {**r, "run": r["run"] | {"config": {"mitigate.robust.eps": 0.1}}} for r in rows
    ]
    plans = trends.plans(rows + defended)
    titles = [p.title for p in plans if p.metric == "Accuracy"]
    assert titles == [
        "Accuracy, mitigate.robust.eps default",
        "Accuracy, mitigate.robust.eps 0.1",
    ]


def test_forms_of_trajectory_matching_are_panels_of_their_own():
    rows = runs(ipc=[1, 10], method=["mtt"])
    aligned = {"distill.mtt.growth": 75, "distill.mtt.label_epoch": 5}
    others = [r | {"run": r["run"] | {"config": aligned}} for r in rows]
    titles = [p.title for p in trends.plans(rows + others) if p.metric == "Accuracy"]
    assert titles == ["Accuracy, MTT", "Accuracy, DATM"]


def test_lines_say_what_differs():
    rows = runs(method=["dm"] * 5)
    for row in rows:
        row["run"]["adversarial"] = {"train": 0.0, "distill": 0.0}
    rows[1]["run"]["adversarial"]["distill"] = 0.05
    rows[2]["run"]["config"] = {"data.public": "folder:/home/ada/pets"}
    rows[3]["run"]["config"] = {"data.public": "folder:/home/eve/pets"}
    rows[4]["run"]["config"] = {"distill.lr": 2.0}
    labels = [label for label, _ in lines.lines(rows)]
    assert labels == [
        "DM",
        "DM, adversarial.distill 0.05",
        "DM, data.public folder:pets (3)",
        "DM, data.public folder:pets (4)",
        "DM, lr 2",
    ]


def test_runs_that_differ_in_no_axis_go_by_the_form_of_fair_distillation():
    forms = ("fairdd", "dro", None, "dro")
    given = [fabricate.record(str(i)) for i in range(4)]
    for record, form in zip(given, forms):
        record["run"] |= {"fair": {"form": form}} if form else {}
    ids = [record["run"]["id"] for record in sweep_axes.ordered(given)]
    assert ids == ["2", "1", "3", "0"]
