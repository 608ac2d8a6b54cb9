"""DP-SGD beside private distillation: what is refused, shared, spent and recorded."""

import json

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, make, npz, only_run, saved_networks, snapshot

from dd_jax import config, run
from dd_jax.report import schema
from dd_jax.report.__main__ import main as report
from dd_jax.run import dp_sgd_baseline, shadow_stages, together
from dd_jax.run.context import build_context
from dd_jax.run.dp_sgd_baseline import (
    cost_of,
    earlier_accuracy,
    networks_by_dp_sgd,
    recipe_of,
)
from dd_jax.run.validation import check
from dd_jax.train.many import Schedule
from dd_jax.train.private import noisy_gradient
from dd_jax.train.private.accounting import epsilon_of
from dd_jax.types import InputError, Split

pytest.importorskip("dp_accounting")
pytest.importorskip("jax_privacy")
DP = (
    BARE
    | MLP
    | {
        "distill.init": "noise",
        "dp.epsilon": 3.0,
        "dp.delta": 1e-3,
        "dp.releases": 2,
        "train.epochs": 2,
        "dp.sgd.epochs": 4,
    }
)
SAMPLED = {"dp__sgd__batch": 108, "dp__sgd__epochs": 5}


def started(tmp_path, **changes):
    return build_context(make(DP, **changes), tmp_path, tmp_path / "cache")


def test_a_baseline_without_an_epsilon_is_one_line():
    with pytest.raises(InputError, match="dp.sgd.epochs=4: needs dp.epsilon above 0"):
        check(make(DP, dp__epsilon=0.0, dp__releases=0))


@pytest.mark.parametrize(
    "key, value",
    [("epochs", -1), ("lr", 0.0), ("clip", 0.0), ("batch", 0), ("clip", float("nan"))],
)
def test_values_out_of_range_are_one_line(key, value):
    with pytest.raises(InputError, match=f"dp.sgd.{key}") as caught:
        config.validate(make(DP | {f"dp.sgd.{key}": value}))
    assert "\n" not in str(caught.value)


def test_views_need_an_augmentation():
    with pytest.raises(InputError, match="dp.sgd.views=2: views are random by"):
        check(make(DP, dp__sgd__views=2, train__augment="none"))


def test_views_are_those_of_the_augmentation(tmp_path):
    context = started(tmp_path, dp__sgd__views=3, train__augment="flip")
    views = dp_sgd_baseline.views_of(context)
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1) / 64
    seen = np.concatenate([views(jax.random.key(i), image) for i in range(4)])
    assert seen.shape == (12, 8, 8, 1)
    flipped = [np.array_equal(view, image[0, :, ::-1]) for view in seen]
    plain = [np.array_equal(view, image[0]) for view in seen]
    assert any(flipped) and any(plain)
    assert all(a or b for a, b in zip(flipped, plain))
    assert recipe_of(context) is recipe_of(context)
    assert dp_sgd_baseline.views_of(started(tmp_path)) is None


def test_batch_statistics_are_refused():
    norm = {"model.name": "convnet", "model.norm": "batch"}
    with pytest.raises(InputError, match="take another model.norm"):
        check(make(DP | norm))


def test_ids_of_runs_without_the_baseline_do_not_depend_on_its_keys():
    name = lambda **changes: config.run_id(make(DP, **changes), "abc")
    off = {"dp__sgd__epochs": 0}
    assert name(**off) == name(**off, dp__sgd__lr=0.3, dp__sgd__batch=7)
    assert (
        len({name(**off), name(), name(dp__sgd__lr=0.3), name(dp__sgd__clip=2.0)}) == 4
    )


@pytest.mark.slow
def test_the_noise_is_the_least_that_keeps_to_epsilon_and_steps_are_counted(tmp_path):
    context = started(tmp_path, **SAMPLED)
    rows = len(context.dataset.train.labels)
    cost = cost_of(context, 5)
    assert cost.sampling == 108 / rows
    assert cost.count == 5 * round(rows / 108)
    assert 2.99 < epsilon_of([cost], 1e-3) <= 3.0
    assert cost_of(context, 2) == cost._replace(count=2 * round(rows / 108))


@pytest.mark.slow
def test_an_entry_for_every_step_that_is_taken(tmp_path, monkeypatch):
    """Each step draws one batch and one noise, whatever is evaluated on the way."""
    seen = {"batch": 0, "noise": 0}
    draw, noise = noisy_gradient.poisson_batch, noisy_gradient.with_noise

    def counted(name, function):
        def add(_):
            seen[name] += 1

        def call(key, *rest):
            jax.debug.callback(add, jax.random.key_data(key))
            return function(key, *rest)

        return call

    monkeypatch.setattr(noisy_gradient, "poisson_batch", counted("batch", draw))
    monkeypatch.setattr(noisy_gradient, "with_noise", counted("noise", noise))
    monkeypatch.setattr(dp_sgd_baseline, "noise_multiplier_for", lambda *_: 1.25)
    context = started(tmp_path, **SAMPLED)
    earlier_accuracy(context)
    networks_by_dp_sgd(context)
    jax.effects_barrier()
    steps = cost_of(context, 5).count
    assert seen == {"batch": steps, "noise": steps}


def test_shadows_are_dp_sgd_with_the_noise_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(shadow_stages, "train_on_data", lambda *given: given)
    context = started(tmp_path, dp__sgd__lr=0.3)
    half = context.dataset.train
    half = Split(half.images[::2], half.labels[::2])
    recipe, rows, lr, epochs, _ = shadow_stages.shadow_pipeline(context, "dp_sgd", half)
    assert recipe is recipe_of(context) and rows is half
    assert (lr, epochs) == (0.3, Schedule(4, 1))
    recipe, *_ = shadow_stages.shadow_pipeline(context, "full_data", half)
    assert recipe is context.trainer


@pytest.mark.slow
def test_what_is_evaluated_on_the_way_changes_nothing(tmp_path):
    plain, watched = (started(tmp_path / name) for name in ("plain", "watched"))
    found = earlier_accuracy(watched)
    assert list(found) == [1, 2] and all(0 <= a <= 1 for a in found.values())
    for one, other in zip(
        *(jax.tree.leaves(networks_by_dp_sgd(each)) for each in (plain, watched))
    ):
        np.testing.assert_array_equal(one, other)
    assert earlier_accuracy(watched) == found, "read again"
    assert earlier_accuracy(started(tmp_path / "off", dp__sgd__epochs=0)) == {}


@pytest.mark.parametrize(
    "distilled, epsilon", [(0.0, "first"), (0.45, "second"), (0.7, "last"), (0.9, None)]
)
def test_the_epsilon_at_the_accuracy_of_the_set(
    tmp_path, monkeypatch, distilled, epsilon
):
    monkeypatch.setattr(dp_sgd_baseline, "earlier_accuracy", lambda _: {1: 0.4, 2: 0.5})
    context, shares = started(tmp_path), {"dp_sgd": 0.7, "distilled": distilled}
    labels = context.evaluation.labels

    def logits(pipe):
        right = np.arange(len(labels)) < shares[pipe] * len(labels)
        return np.eye(3)[np.where(right, labels, (labels + 1) % 3)][None]

    part = dp_sgd_baseline.spent_by_dp_sgd(context, logits)["dp_sgd"]
    spent = [row["epsilon"] for row in part["evaluated"]]
    assert spent == sorted(spent) and part["epsilon"] == spent[-1] <= 3.0
    places = {"first": 0, "second": 1, "last": 2}
    expected = None if epsilon is None else spent[places[epsilon]]
    assert part["epsilon_at_accuracy"] == expected


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on drawn data, with shadows."""
    folder = tmp_path_factory.mktemp("private")
    source = npz(folder / "data.npz")
    drawn = {"data__source": source, "data__num_classes": 0, "train__full_nets": 2}
    audits = {"audits__privacy__enabled": True, "audits__fairness__enabled": True}
    return run.run(make(DP, **drawn, **audits, dp__sgd__batch=13), folder), folder


@pytest.mark.slow
def test_the_record_has_the_baseline(finished):
    record, folder = finished
    assert schema.validate(json.loads(json.dumps(record)))
    part = record["run"]["differential_privacy"]["dp_sgd"]
    assert (part["steps"], part["sampling"], part["clip"]) == (8, 13 / 25, 1.0)
    assert 2.9 < part["epsilon"] <= 3.0
    assert [row["epochs"] for row in part["evaluated"]] == [1, 2, 4]
    accuracy = record["accuracy"]
    assert list(accuracy) == ["distilled", "random_subset", "full_data", "dp_sgd"]
    assert accuracy["dp_sgd"]["n"] == 2
    last = part["evaluated"][-1]["accuracy"]
    assert accuracy["dp_sgd"]["mean"] == pytest.approx(last)
    reached = [
        row["epsilon"]
        for row in part["evaluated"]
        if row["accuracy"] >= accuracy["distilled"]["mean"]
    ]
    assert part["epsilon_at_accuracy"] == (reached[0] if reached else None)
    assert set(record["privacy"]["dp_sgd"]) == {"t2"}
    assert record["privacy"]["dp_sgd"]["t2"]["lira_online"]["auc"]["n"] == 4
    assert "induced_drop" in record["fairness"]["dp_sgd"]
    assert {"dp_sgd_seconds", "dp_sgd_shadows_seconds"} <= set(record["cost"])
    assert "scores_dp_sgd_t2" in record["artifacts"]
    networks = saved_networks(only_run(folder))
    assert {len(leaf) for leaf in jax.tree.leaves(networks["dp_sgd"])} == {2}


@pytest.mark.slow
def test_the_report_shows_the_baseline(finished, capsys):
    record, folder = finished
    assert report([str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert "DP-SGD on the full data: epsilon" in page
    assert "DP-SGD on full data, in the course of training" in page
    assert report([str(folder), "--markdown"]) == 0
    assert "| DP-SGD on full data |" in capsys.readouterr().out


@pytest.mark.slow
def test_runs_that_differ_in_the_set_alone_share_the_baseline(tmp_path):
    one = run.run(make(DP), tmp_path)
    trained = lambda: {
        path: seen
        for path, seen in snapshot(tmp_path / "cache").items()
        if "dp_sgd" in str(path)
    }
    before = trained()
    other = run.run(make(DP, distill__ipc=3), tmp_path)
    assert before and trained() == before
    parts = [r["run"]["differential_privacy"]["dp_sgd"] for r in (one, other)]
    assert parts[0]["evaluated"] == parts[1]["evaluated"]
    assert one["accuracy"]["dp_sgd"] == other["accuracy"]["dp_sgd"]


@pytest.mark.slow
def test_steps_together_end_as_those_of_each_run_alone(tmp_path):
    """Without the sets, whose noise is another in each folder."""
    cells = [run.prepared(make(DP, seed=seed)) for seed in (0, 1)]
    together.take_steps_together(cells, tmp_path / "together")
    for cell in cells:
        one, other = (
            run.run(cell, tmp_path / name)["accuracy"]["dp_sgd"]
            for name in ("together", "alone")
        )
        assert one == other


@pytest.mark.slow
def test_durations_count_the_baseline():
    (spent,) = run.durations([run.prepared(make(DP))], seconds=0.0)
    assert spent["dp_sgd"] > 0
