"""The Record of a run with all audits that are on by default, and its files."""

import jax
import numpy as np
import pytest

from dd_jax.audits import privacy
from dd_jax.data import load, membership_masks
from dd_jax.runtime.keys import integer, named
from dd_jax.system import workdir

PIPES = {"distilled", "random_subset", "full_data"}
ESTIMATE = {"mean", "ci", "n"}


def test_record_identifies_the_run(record):
    found = record["run"]
    expected = {
        "seed": 0,
        "method": "dm",
        "dataset": "digits",
        "arch": "mlp",
        "width": None,
        "ipc": 2,
        "init": "real",
        "num_classes": 3,
        "sets": 1,
        "nets": 2,
        "split": "test",
        "upsampled": False,
        "class_names": ["0", "1", "2"],
    }
    assert {key: found[key] for key in expected} == expected
    assert found["ratio"] == pytest.approx(6 / 430)
    assert {"commit", "dirty", "device"} <= set(found)
    assert found["versions"]["jax"] == jax.__version__


def test_record_has_accuracy_and_fairness_of_each_pipeline(record):
    assert set(record["accuracy"]) == set(record["fairness"]) == PIPES
    for pipe, part in record["accuracy"].items():
        assert set(part) == ESTIMATE | {"per_class"} and len(part["per_class"]) == 3
        assert part["n"] == (1 if pipe == "full_data" else 2)
    for pipe, part in record["fairness"].items():
        keys = {"class_gap", "worst_class", "class_std", "cvar"}
        against = {
            "full_data": set(),
            "random_subset": {"induced_drop", "amplification"},
            "distilled": {"induced_drop", "drop_from_subset", "amplification"},
        }
        assert set(part) == keys | against[pipe]
        assert all(ESTIMATE <= set(part[key]) for key in keys)
        assert part["worst_class"]["of_mean"] == pytest.approx(
            min(record["accuracy"][pipe]["per_class"])
        )


def test_record_has_robustness_curves(record):
    assert set(record["robustness"]) == PIPES
    for part in record["robustness"].values():
        assert set(part["attacks"]) == {"fgsm", "pgd_l2"}
        assert part["checks"]["in_ball_and_box"] is True
        for name, norm, radius in [("fgsm", "linf", 0.1), ("pgd_l2", "l2", 0.5)]:
            rows = part["attacks"][name]
            assert [row["norm"] for row in rows] == [norm, norm]
            assert [row["eps"] for row in rows] == pytest.approx([0, radius])
            assert rows[0]["accuracy"]["mean"] == part["clean"]["mean"]


def test_record_has_privacy_of_each_pipeline(record):
    assert set(record["privacy"]) == PIPES
    for part in record["privacy"].values():
        assert set(part) == {"t2"} and set(part["t2"]) == {
            "lira_online",
            "rmia",
            "loss",
        }
        for figures in part["t2"].values():
            assert {"auc", "balanced_accuracy", "ppv", "smallest_fpr"} <= set(figures)
            assert set(figures["tpr_at_fpr"]) == {"0.1", "0.01", "0.001", "0.0001"}
            assert set(figures["ppv"]) == {"0.01", "0.1", "0.5"}
            assert set(figures["tpr_at_fpr_per_row"]) == set(figures["tpr_at_fpr"])
            for level in figures["tpr_at_fpr"].values():
                assert set(level) == ESTIMATE | {"achieved_fpr", "resolved"}
                assert (level["mean"] is None) == (not level["resolved"])


def test_record_has_calibration_of_each_pipeline(record):
    assert set(record["calibration"]) == PIPES
    for part in record["calibration"].values():
        assert {"ece", "nll", "brier", "temperature", "scaled"} <= set(part)
        assert set(part["ece"]) == set(part["scaled"]["ece"]) == ESTIMATE
        assert len(part["reliability"]) == 15
        assert part["temperature"]["mean"] > 0


def test_record_has_costs_and_artifacts(folder, record):
    cost = record["cost"]
    assert {"steps_per_second", "compile_seconds", "peak_bytes"} <= set(cost)
    for stage in (
        "distill",
        "train",
        "quantization",
        "random_subset",
        "full_data",
        "shadow_distill",
        "shadows",
        "random_subset_shadows",
        "full_data_shadows",
    ):
        assert cost[f"{stage}_seconds"] > 0
    assert set(record["artifacts"]) == {
        "synthetic",
        "scores",
        "scores_random_subset_t2",
        "scores_full_data_t2",
        "curves",
        "images",
        "metrics",
    }
    assert all((folder / name).is_file() for name in record["artifacts"].values())


def test_curves_fit_a_plot(folder):
    curves = workdir.read_json(folder / "curves.json")
    assert [step for step, _ in curves["distil"]] == [2, 4]
    for pipe in PIPES:
        for points in curves["roc"][pipe]["t2"].values():
            assert 2 <= len(points) <= 200
            assert points == sorted(points) and points[-1] == [1, 1]


def test_membership_figures_recompute_from_the_score_file(folder, record, tmp_path):
    found = privacy.load_scores(folder / "scores.npz")
    data = load("digits", num_classes=3).train
    assert found.threat == "t2" and found.logits.shape[0] == 4
    np.testing.assert_array_equal(found.labels, data.labels[found.index])
    seed = integer(named(jax.random.key(0), "masks"))
    masks = membership_masks(seed, data.labels, 2, at_least=2)
    np.testing.assert_array_equal(found.member, masks[:, found.index])
    again = privacy.evaluate_membership(
        found.logits,
        found.labels,
        found.member,
        scores=("lira_online", "rmia", "loss"),
        seed=int(found.seed),
        options={"lira_online": {"variance": "auto"}},
        slices={"by_class": found.labels},
    )
    workdir.write_json(tmp_path / "again.json", again.record)
    stored = record["privacy"]["distilled"]["t2"]
    assert workdir.read_json(tmp_path / "again.json") == stored
