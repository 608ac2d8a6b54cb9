from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax import config
from dd_jax.config import sweep
from dd_jax.types import InputError

ABLATION = Path(__file__).parents[2] / "experiments" / "ablation_digits.py"


def write(tmp_path, text):
    path = tmp_path / "experiment.py"
    path.write_text(
        "from dd_jax import config\nfrom dd_jax.config import sweep as sweeps\n" + text
    )
    return path


def test_product_varies_the_last_axis_fastest():
    points = sweep.product({"a": [1, 2], "b": ["x", "y"]})
    assert [(p["a"], p["b"]) for p in points] == [
        (1, "x"),
        (1, "y"),
        (2, "x"),
        (2, "y"),
    ]


def test_zipped_pairs_values_and_refuses_other_lengths():
    assert sweep.zipped({"a": [1, 2], "b": [3, 4]}) == [
        {"a": 1, "b": 3},
        {"a": 2, "b": 4},
    ]
    with pytest.raises(InputError, match="of one length, not a: 2, b: 1"):
        sweep.zipped({"a": [1, 2], "b": [3]})


POINTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "distill.ipc": st.integers(1, 3),
            "distill.init": st.sampled_from(["noise", "real"]),
            "train.lr": st.sampled_from([0.1, 1e-5, 1.0]),
            "audits.robustness.attacks": st.sampled_from([("fgsm",), ("mim", "fgsm")]),
        },
    ),
    min_size=1,
    max_size=8,
)
AXES = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), max_size=4))


@given(AXES)
def test_a_product_has_every_combination_once_for_each_of_its_values(axes):
    points = sweep.product(axes)
    count = 1
    for values in axes.values():
        count *= len(values)
    assert len(points) == count
    assert all(p.keys() == axes.keys() for p in points)
    assert all(p[key] in axes[key] for p in points for key in axes)


@given(POINTS, POINTS)
def test_where_commutes_with_sums_and_cuts_points_in_two(a, b):
    keep = lambda point: len(point) % 2 == 0
    other = lambda point: not keep(point)
    assert sweep.where(a + b, keep) == sweep.where(a, keep) + sweep.where(b, keep)
    assert len(sweep.where(a, keep)) + len(sweep.where(a, other)) == len(a)
    assert sweep.where(sweep.where(a, keep), keep) == sweep.where(a, keep)
    assert sweep.where(a, keep) == [p for p in a if keep(p)]


def test_where_names_a_key_that_a_point_lacks():
    points = sweep.product({"distill.ipc": [1]})
    with pytest.raises(InputError, match="reads 'seed'; a point has distill.ipc"):
        sweep.where(points, lambda point: point["seed"] > 0)


@settings(max_examples=25, deadline=None)
@given(POINTS, POINTS)
def test_cells_of_a_sum_are_those_of_its_terms(a, b):
    name = lambda cells: {config.run_id(cell, "") for cell in cells}
    base = config.default()
    joined = sweep.expand(base, a + b)
    assert name(joined) == name(sweep.expand(base, a)) | name(sweep.expand(base, b))
    assert len(joined) <= len(a) + len(b)


def test_a_thousand_cells_expand_without_comparing_each_with_each():
    points = sweep.product({"seed": range(1000)})
    assert len(sweep.expand(config.default(), points + points)) == 1000


def test_points_that_give_the_same_config_are_one_cell():
    points = sweep.product({"seed": [0, 1]}) + sweep.product({"distill.ipc": [10, 5]})
    cells = sweep.expand(config.default(), points)
    assert [(c.seed, c.distill.ipc) for c in cells] == [(0, 10), (1, 10), (0, 5)]


def test_values_of_numpy_are_those_of_python():
    axes = {"train.lr": np.logspace(-3, -1, 3), "distill.ipc": np.arange(1, 3)}
    cells = sweep.expand(config.default(), sweep.product(axes))
    for cell in cells:
        config.validate(cell)
    assert [c.train.lr for c in cells[::2]] == [0.001, 0.01, 0.1]
    assert sweep.zipped({"seed": np.arange(2)}) == [{"seed": 0}, {"seed": 1}]


@pytest.mark.parametrize("values", ["dm", 3, None])
@pytest.mark.parametrize("make", [sweep.product, sweep.zipped])
def test_an_axis_has_to_be_a_list(make, values):
    with pytest.raises(InputError, match="distill.method=.*: give a list of values"):
        make({"seed": [0], "distill.method": values})


def test_values_of_another_type_are_left_to_the_check_of_all_values():
    values = ["2", 0.5, (1, 2), [1], None, 0]
    cells = sweep.expand(config.default(), sweep.product({"distill.ipc": [1, *values]}))
    config.validate(cells[0])
    for cell, value in zip(cells[1:], values, strict=True):
        with pytest.raises(InputError) as caught:
            config.validate(cell)
        words = f"config: distill.ipc={value!r}: must be at least 1 (type int)"
        assert str(caught.value).startswith(words)


@pytest.mark.parametrize("value", [{"a": 1}, np.zeros(2), object()])
def test_what_is_a_value_of_no_key_is_refused(value):
    with pytest.raises(InputError, match="cells cannot run: .*distill.ipc="):
        sweep.expand(config.default(), [{"distill.ipc": 1}, {"distill.ipc": value}])


def test_expand_applies_each_point_to_the_base():
    base = config.override(config.default(), {"seed": 7}, "test")
    points = sweep.product({"distill.ipc": [1, 5]}) + sweep.zipped(
        {"distill.method": ["random"], "distill.ipc": [2]}
    )
    cells = sweep.expand(base, points)
    assert [(c.seed, c.distill.method, c.distill.ipc) for c in cells] == [
        (7, "dm", 1),
        (7, "dm", 5),
        (7, "random", 2),
    ]


def test_overridden_axis_is_dropped_and_duplicates_merged():
    base = config.override(config.default(), {"distill.ipc": 3}, "test")
    points = sweep.product(
        {"distill.ipc": [1, 5, 10], "distill.init": ["noise", "real"]}
    )
    cells = sweep.expand(base, points, {"distill.ipc"})
    assert [(c.distill.ipc, c.distill.init) for c in cells] == [
        (3, "noise"),
        (3, "real"),
    ]


def test_an_overridden_value_that_cells_have_takes_those_with_all_their_keys():
    points = [
        {"distill.method": "dm", "distill.lr": 1.0, "distill.ipc": 1},
        {"distill.method": "mtt", "distill.lr": 9.0, "distill.ipc": 1},
        {"distill.method": "mtt", "distill.lr": 90.0, "distill.ipc": 10},
    ]
    found = []
    for typed in (
        {"distill.method": "mtt"},
        {"distill.method": "mtt", "distill.ipc": 10},
        {"distill.method": "mtt", "distill.ipc": 3},
        {"distill.method": "dsa"},
    ):
        base = config.override(config.default(), typed, "test")
        cells = sweep.expand(base, points, list(typed))
        found.append([(c.distill.method, c.distill.lr, c.distill.ipc) for c in cells])
    assert found == [
        [("mtt", 9.0, 1), ("mtt", 90.0, 10)],
        [("mtt", 90.0, 10)],
        [("mtt", 9.0, 3), ("mtt", 90.0, 3)],
        [("dsa", 1.0, 1), ("dsa", 9.0, 1), ("dsa", 90.0, 10)],
    ]


@pytest.mark.parametrize("overridden", [(), ("distill.ipcs",)])
def test_swept_key_must_exist(overridden):
    with pytest.raises(InputError, match=r"sweep\(\): unknown config key distill.ipcs"):
        sweep.expand(config.default(), [{"distill.ipcs": 1}], overridden)


def test_labels_show_what_differs_and_keep_clashing_names_apart():
    base = config.default()
    cells = sweep.expand(
        base, sweep.zipped({"distill.ipc": [1, 10], "distill.init": ["real", "real"]})
    )
    assert sweep.labels(cells) == ["ipc=1", "ipc=10"]
    cells = sweep.expand(
        base, sweep.product({"distill.lr": [1.0, 2.0], "train.lr": [0.1, 0.2]})
    )
    assert sweep.labels(cells)[1:3] == [
        "distill.lr=1.0 train.lr=0.2",
        "distill.lr=2.0 train.lr=0.1",
    ]


def test_labels_leave_out_what_follows_from_the_keys_before():
    recipes = {"dm": 2.0, "dsa": 0.1}
    points = sweep.product({"distill.method": list(recipes), "distill.ipc": [1, 5]})
    recipe = lambda p: {"distill.lr": recipes[p["distill.method"]] * p["distill.ipc"]}
    cells = sweep.expand(config.default(), [p | recipe(p) for p in points])
    assert sweep.labels(cells)[0] == "method=dm ipc=1"
    cells = sweep.expand(
        config.default(),
        sweep.zipped({"distill.lr": [1.0, 2.0], "train.lr": [0.1, 0.2]}),
    )
    assert sweep.labels(cells) == ["distill.lr=1.0", "distill.lr=2.0"]


def test_load_reads_config_sweep_and_overrides(tmp_path):
    path = write(
        tmp_path,
        "def get_config():\n"
        "    values = config.default()\n"
        "    values.distill.ipc = 2\n"
        "    return values\n"
        "def sweep():\n"
        "    return sweeps.product({'seed': [1, 2]})\n",
    )
    experiment = sweep.experiment(sweep.read(path), {"train.nets": 3})
    assert (experiment.config.distill.ipc, experiment.config.train.nets) == (2, 3)
    assert experiment.points == [{"seed": 1}, {"seed": 2}]


def test_load_without_a_sweep_is_one_cell(tmp_path):
    path = write(tmp_path, "get_config = config.default\n")
    experiment = sweep.experiment(sweep.read(path))
    assert len(sweep.expand(*experiment)) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("get_config = 1 +", "SyntaxError: invalid syntax"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 1", r"must define get_config\(\)"),
        ("get_config = lambda: {}", "must return a changed config.default"),
        ("def get_config(): config.default().distill.ipcs = 1", '"ipcs" does not'),
        ("get_config = config.default\nsweep = lambda: []", "at least one point"),
        ("get_config = config.default\nsweep = lambda: {}", "at least one point"),
    ],
)
def test_load_refuses_broken_files_in_one_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        sweep.experiment(sweep.read(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_load_refuses_a_missing_file():
    with pytest.raises(InputError, match="--config=nope.py: no such file"):
        sweep.experiment(sweep.read("nope.py"))


def test_the_ablation_has_432_valid_cells_with_every_audit():
    cells = sweep.expand(*sweep.experiment(sweep.read(ABLATION)))
    for cell in cells:
        config.validate(cell)
        audits = "privacy", "robustness", "fairness", "memorisation"
        assert all(cell.audits[name].enabled for name in audits)
    shapes = [(c.distill.method, c.data.num_classes, c.distill.ipc) for c in cells]
    others = [(c.distill.init, c.seed) for c in cells]
    assert len(cells) == len({*zip(shapes, others)}) == 4 * 3 * 4 * 3 * 3
    assert sum(a != b for a, b in zip(shapes, shapes[1:])) + 1 == len({*shapes}) == 48
