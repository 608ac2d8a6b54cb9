import fabricate
import numpy as np
import pytest

from dd_jax.report import lines, trends


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
    assert trends.layout(runs(**axes)) == expected


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
    assert trends.layout(rows) == expected
    titles = [trend.title for trend in trends.trends(rows)]
    drawn = [title for title in titles if not title.startswith("Accuracy against")]
    assert len(drawn) == len(trends.METRICS) * (1 + 2 * len(widths))
    assert len(trends.ordered(rows)) == len(rows)


def test_a_panel_for_each_metric_and_class_count():
    axes = {"num_classes": [2, 5], "init": ["kmeans", "real"], "ipc": [1, 10]}
    drawn = trends.trends(runs(**axes))
    assert len(drawn) == len(trends.METRICS) * 2
    assert drawn[0].title == "Accuracy, classes 2"
    assert b"init kmeans" in drawn[0].svg and b"Random subset" in drawn[0].svg


def test_a_metric_nowhere_measured_has_no_panel():
    rows = runs(ipc=[1, 10])
    for row in rows:
        row.pop("privacy")
    titles = [trend.title for trend in trends.trends(rows)]
    assert titles == [name for name in trends.METRICS if name != "Membership AUC"]


def test_ordered_by_panel_line_and_x(cells):
    rng = np.random.default_rng(0)
    shuffled = [cells[i] for i in rng.permutation(len(cells))]
    keys = [
        (r["run"]["num_classes"], r["run"]["init"], r["run"]["ipc"])
        for r in trends.ordered(shuffled)
    ]
    assert keys == sorted(keys) and len(set(keys)) == 36


def test_repeats_are_pooled():
    pooled = lines.pooled([{"mean": 0.4, "ci": None, "n": 1}, None, {"mean": 0.6}])
    assert pooled["mean"] == 0.5 and pooled["n"] == 2
    assert lines.pooled([None]) is None


def test_write_names_files_after_titles(tmp_path):
    paths = trends.write(runs(ipc=[1, 5], init=["noise", "real"]), tmp_path / "new")
    assert "accuracy.svg" in {path.name for path in paths}
    assert all(b"<svg" in path.read_bytes() for path in paths)
