"""Plans for a time budget: what is chosen, what is left out, what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax import config as configs
from dd_jax.distill.io import storage
from dd_jax.executors import plan_file, time_plan
from dd_jax.executors.plan_levels import LEVELS
from dd_jax.executors.time_plan import Plan, expected, fitting
from dd_jax.executors.wished_runs import wishes
from dd_jax.run.stage_passes import Counts, counts_of, passes, set_size
from dd_jax.types import Dataset, InputError, Split, SyntheticSet


def dataset(rows=400, classes=4, side=8):
    images = np.zeros((rows, side, side, 1), np.uint8)
    split = Split(images, np.arange(rows, dtype=np.int32) % classes, None)
    names = tuple(map(str, range(classes)))
    made = Dataset(split, split, names, (0.5,), (0.2,), "made", "0" * 8)
    return made._replace(sizes=((side, side, 2 * rows),))


class Machine(SimpleNamespace):
    """`dd_jax.run` on data made here, at a speed that falls with the width."""

    def __init__(self, a_pass=1e-5, data=None):
        made = data or dataset()
        super().__init__(
            dataset=lambda config: made,
            prepared=lambda config: config,
            counts_of=counts_of,
            passes=passes,
            set_size=set_size,
            look_at_data=lambda cell, root: None,
            seconds_a_pass=lambda cell: (a_pass * cell.model.width / 16, 0.1),
        )


def planned(minutes, machine=None, **values):
    base = configs.override(
        configs.default(),
        {"budget_minutes": float(minutes)}
        | {key.replace("__", "."): value for key, value in values.items()},
        "test",
    )
    kept = [key.replace("__", ".") for key in values]
    return time_plan.plan(base, kept, Path("out"), machine or Machine())


def test_more_time_gives_more_runs_and_then_larger_networks():
    slow = Machine(a_pass=5e-5)
    found = [planned(minutes, slow) for minutes in (2, 4, 8, 30, 90, 1e6)]
    counts = [plan.fit() for plan in found]
    widths = [plan.points[0]["model.width"] for plan in found]
    assert widths == sorted(widths) and widths[0] == 16 and widths[-1] == 128
    assert 2 <= counts[0] < counts[-1] == 6
    assert all(len(plan.points) == 6 for plan in found)


def test_runs_differ_in_what_is_to_be_recommended():
    points = planned(1e6).points
    pairs = [(p["distill.ipc"], p["distill.init"]) for p in points]
    assert pairs[:3] == [(1, "real"), (10, "real"), (10, "noise")]
    assert (50, "real") in pairs and (10, "kmeans") in pairs
    assert "mitigate.robust.eps" in points[-1]


def test_too_little_time_is_refused_with_what_would_do():
    with pytest.raises(InputError, match=r"budget_minutes=0.01: .* give (\d+) or more"):
        planned(0.01)
    slow = Machine(a_pass=1e-3)
    with pytest.raises(InputError) as caught:
        planned(1, slow)
    enough = int(str(caught.value).split("give ")[1].split()[0])
    assert planned(enough, slow).fit() >= 2


def test_a_line_is_printed_before_the_machine_is_timed(capsys):
    machine, printed = Machine(), []
    plain = machine.seconds_a_pass
    machine.seconds_a_pass = lambda c: (
        printed.append(capsys.readouterr().out) or plain(c)
    )
    planned(30, machine)
    line = "plan: timing networks on this machine, to choose runs for 30 min\n"
    assert printed[0] == line and not any(printed[1:])


def test_given_keys_are_kept():
    found = planned(1e6, model__width=16, distill__ipc=10)
    for point in found.points:
        assert not {"model.width", "distill.ipc"} & set(point)
    assert len(found.points) == 4  # real, noise, kmeans, robust


@given(st.integers(1, 300))
def test_sets_are_at_most_half_of_the_smallest_class(smallest):
    for point in wishes(configs.default(), smallest, ()):
        assert 2 * point["distill.ipc"] <= max(smallest, 2)


def test_large_images_are_resized_and_small_ones_are_not():
    large = Machine(data=dataset(side=40))
    assert planned(30, large).points[0]["data.image_size"] == 32
    assert "data.image_size" not in planned(30).points[0]
    assert "data.image_size" not in planned(30, large, data__image_size=40).points[0]


@pytest.mark.parametrize("side_of, pixels", [(64, 32), (16, 16), (6, 6)])
def test_images_of_several_sizes_are_resized_to_that_of_most(side_of, pixels):
    machine = Machine()

    def read(config):
        if not (side := config.data.image_size):
            raise InputError("images of several sizes")
        return dataset(side=side)._replace(sizes=((8, 8, 24), (side_of, side_of, 30)))

    machine.dataset = read
    assert planned(30, machine).points[0]["data.image_size"] == pixels


@pytest.mark.parametrize("method", ["random", "kmeans", "herding", "kcenter"])
def test_of_selected_images_the_number_alone_is_varied(method):
    found = planned(1e6, distill__method=method)
    varied = [
        {k for k in p if k in ("distill.init", "mitigate.robust.eps")}
        for p in found.points
    ]
    assert [p["distill.ipc"] for p in found.points] == [1, 10, 50] and not any(varied)


def test_of_a_loaded_set_there_is_one_run_without_shadows(tmp_path):
    images, labels = np.zeros((8, 40, 40, 1), np.float32), np.eye(4)[[0, 1, 2, 3] * 2]
    path = tmp_path / "set.npz"
    storage.save(path, SyntheticSet(images, labels.astype(np.float32), 0.01, {}))
    large = Machine(data=dataset(side=40))
    found = planned(30, large, distill__load=str(path))
    (point,) = found.points
    assert not {"data.image_size", "distill.ipc", "distill.steps"} & {*point}
    assert "model.width" in point and "audits.privacy.shadows" not in point
    assert time_plan.described(found)[0].startswith("plan for 30 min: 1 of 1 runs, ")
    cell = configs.override(configs.default(), {"distill.load": str(path)}, "test")
    stages = passes(cell, Counts(400, 100, 4, 100))
    assert stages["distill"] == 0 and stages["train"] == 5 * 300 * 8
    assert not [stage for stage in stages if "shadow" in stage]


def test_what_runs_share_counts_once():
    counts, base = Counts(400, 100, 4, 100), configs.default()
    points = [{"distill.ipc": 1}, {"distill.ipc": 1}, {"distill.ipc": 5}]
    of = lambda cell: passes(cell, counts)
    first, again, other = expected(base, points, of, (1e-3, 2.0))
    stages = of(configs.override(base, points[0], "test"))
    shared = {"full_data", "full_data_shadows"}
    own = sum(v for k, v in stages.items() if k not in shared | {"random_subset"})
    own -= stages["random_subset_shadows"]
    assert first == pytest.approx(1e-3 * sum(stages.values()) + 24)
    assert again == pytest.approx(1e-3 * own)
    stages = of(configs.override(base, points[2], "test"))
    rest = sum(v for k, v in stages.items() if k not in shared)
    assert other == pytest.approx(1e-3 * rest + 24)


def test_passes_by_hand():
    values = {
        "distill.ipc": 2,
        "distill.steps": 10,
        "distill.batch_real": 6,
        "train.nets": 3,
        "train.epochs": 20,
        "train.full_epochs": 5,
        "audits.privacy.shadows": 4,
        "audits.privacy.epochs": 7,
        "audits.robustness.images": 50,
        "audits.robustness.steps": 10,
        "audits.robustness.attacks": ("fgsm", "pgd_linf"),
    }
    cell = configs.override(configs.default(), values, "test")
    found = passes(cell, Counts(400, 100, 4, 100))
    assert found == pytest.approx(
        {
            "distill": 10 * (4 * 6 / 3 + 8),
            "train": 3 * 20 * 8,
            "quantization": 3 * 20 * 8,
            "random_subset": 3 * 20 * 8,
            "full_data": 5 * 400,
            "evaluation": 3 * 3 * 100 / 3,
            "shadow_distill": 4 * 160,
            "shadows": 4 * 7 * 8 + 4 * 400 / 3,
            "random_subset_shadows": 4 * 7 * 8 + 4 * 400 / 3,
            "full_data_shadows": 4 * 5 * 200 + 4 * 400 / 3,
            "robustness": 3 * 50 * 6 * 11 * 2 / 3,
        }
    )
    selected = configs.override(cell, {"distill.method": "kmeans"}, "test")
    assert passes(selected, Counts(400, 100, 4, 100))["distill"] == 0
    other = configs.override(cell, {"distill.method": "mtt"}, "test")
    with pytest.raises(InputError, match="distill.method=mtt: its time is not fore"):
        passes(other, Counts(400, 100, 4, 100))


@given(st.lists(st.floats(0, 100), max_size=9), st.floats(0, 500))
@settings(deadline=None)
def test_the_first_runs_that_fit(seconds, room):
    count = fitting(seconds, room)
    assert sum(seconds[:count]) <= room
    assert count == len(seconds) or sum(seconds[: count + 1]) > room


def test_a_plan_is_kept_for_the_same_config(tmp_path):
    base = configs.override(configs.default(), {"budget_minutes": 9.0}, "test")
    found = plan_file.planned(base, (), tmp_path, Machine)
    plan_file.keep(tmp_path, found)
    refuse = lambda: pytest.fail("planned again")
    assert plan_file.planned(base, (), tmp_path, refuse) == found
    other = configs.override(base, {"budget_minutes": 30.0}, "test")
    assert plan_file.planned(other, (), tmp_path, Machine).budget == 1800
    other = configs.override(base, {"seed": 1}, "test")
    assert plan_file.planned(other, ("seed",), tmp_path, Machine).base != found.base
    assert json.loads((tmp_path / "plan.json").read_text())["budget"] == 540


def test_a_plan_is_kept_where_other_keys_change_no_result(tmp_path):
    base = configs.override(configs.default(), {"budget_minutes": 9.0}, "test")
    found = plan_file.planned(base, (), tmp_path, Machine)
    plan_file.keep(tmp_path, found)
    page = {"report.lang": "ja", "decision.accuracy_loss.amber": 0.05}
    other = configs.override(base, page, "test")
    refuse = lambda: pytest.fail("planned again")
    assert plan_file.planned(other, page, tmp_path, refuse) == found


def test_a_default_that_is_given_has_a_plan_of_its_own(tmp_path):
    base = configs.override(configs.default(), {"budget_minutes": 9.0}, "test")
    plan_file.keep(tmp_path, plan_file.planned(base, (), tmp_path, Machine))
    found = plan_file.planned(base, ("model.width",), tmp_path, Machine)
    assert not any("model.width" in point for point in found.points)
    assert found.base == {"model.width": 32}


def test_a_plan_knows_the_time_of_each_run():
    found = planned(1e6)
    for point, seconds in zip(found.points, found.seconds):
        cell = configs.override(configs.default(), point, "test")
        assert found.seconds[found.number(cell)] == seconds


def test_sets_of_all_sizes_are_trained_on_for_as_many_updates():
    level = LEVELS[0]
    for images, epochs in ((10, 300), (256, 300), (257, 150), (500, 150), (1400, 50)):
        values = level.values(10_000, images, 256)
        assert values["train.epochs"] == values["audits.privacy.epochs"] == epochs
    full = lambda rows: level.values(rows, 10, 256)["train.full_epochs"]
    rows = 100, 320, 1437, 10**4, 10**6
    assert [full(count) for count in rows] == [300, 150, 56, 8, 3]


def test_levels_rise():
    for less, more in zip(LEVELS, LEVELS[1:]):
        assert all(a <= b for a, b in zip(less, more)) and less != more


def test_a_plan_in_words():
    point = {"distill.ipc": 1, "model.width": 16, "data.image_size": 32}
    later = {"distill.ipc": 10, "distill.init": "real"}
    plan = Plan(300.0, {}, [point, later], [60.0, 200.0])
    assert time_plan.described(plan) == [
        "plan for 5 min: 1 of 2 runs, about 60 s",
        "plan: networks of width 16, images resized to 32x32 pixels",
        "plan: if there is time: ipc=10 init=real",
    ]


@pytest.mark.parametrize("content", ["{}", "[]", '{"left_out": []}'])
def test_a_plan_of_another_form_is_made_again(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    base = configs.override(configs.default(), {"budget_minutes": 9.0}, "test")
    assert len(plan_file.planned(base, (), tmp_path, Machine).points) == 6
