"""Audits that are off by default, in whole runs."""

from pathlib import Path

import numpy as np
import pytest
from tiny import BARE, MLP, make
from tiny import quick_compiles as quick_compiles

from dd_jax import distill, report, run
from dd_jax.audits import robustness
from dd_jax.audits.corruptions import CORRUPTIONS

PIPES = {"distilled", "random_subset", "full_data"}
SMALL = BARE | MLP | {"distill.steps": 2, "train.epochs": 2}


def page(root) -> str:
    text = Path(report.build(root)).read_text()
    return " ".join(text.replace("&nbsp;", " ").split())


def test_corruptions_reach_record_and_report(tmp_path):
    changes = {
        "audits__corruptions__enabled": True,
        "audits__corruptions__images": 30,
    }
    found = run.run(make(SMALL, **changes), tmp_path)["corruptions"]
    assert set(found) == PIPES | {"mce", "images"} and found["images"] == 30
    for pipe in PIPES:
        assert set(found[pipe]) == {"clean", *CORRUPTIONS}
        assert all(len(found[pipe][name]) == 5 for name in CORRUPTIONS)
        mean = found[pipe]["fog"][4]["mean"] * 30
        assert mean * found[pipe]["fog"][4]["n"] == pytest.approx(
            np.round(mean * found[pipe]["fog"][4]["n"])
        )
    assert found["mce"]["full_data"]["mean"] == pytest.approx(1)
    assert "mean corruption error, full data = 1" in page(tmp_path)


def test_adversarial_training_reaches_networks_and_caches(tmp_path):
    base = SMALL | {"train.epochs": 20, "train.full_epochs": 3, "train.lr": 0.05}
    plain = run.run(make(base), tmp_path)
    against = {"train__adversarial__eps": 0.4, "train__adversarial__steps": 1}
    found = run.run(make(base, **against), tmp_path)
    assert found["run"]["id"] != plain["run"]["id"]
    for pipe in PIPES:
        assert found["accuracy"][pipe] != plain["accuracy"][pipe], pipe


def test_transfer_and_every_check_reach_record_and_report(tmp_path):
    attacks = {
        "audits.robustness.enabled": True,
        "audits.robustness.checks": True,
        "audits.robustness.attacks": ("fgsm", "pgd_linf", "pgd_l2"),
        "audits.robustness.nets": 2,
        "audits.transfer.enabled": True,
    }
    found = run.run(make(SMALL | attacks), tmp_path)
    pairs = {(row["source"], row["target"]) for row in found["transfer"]}
    # full data has one network, hence no sibling
    assert len(pairs) == 8 and ("full_data", "full_data") not in pairs
    assert len(found["transfer"]) == 8 * 2
    assert {round(row["eps"], 6) for row in found["transfer"]} == {0.0, 0.1}
    for part in found["robustness"].values():
        unknown = {name for name, value in part["checks"].items() if value is None}
        assert unknown == {"gradient_free_not_stronger"}
        assert part["images"] == 20
        assert set(part["median_perturbation"]) == {"deepfool"}
        for row in part["attacks"]["pgd_linf"]:
            low, high = row["accuracy"]["image_ci"]
            assert 0 <= low <= row["accuracy"]["mean"] <= high <= 1
    text = page(tmp_path)
    assert "Made on, tried on; PGD Linf at 0.1" in text
    assert "random noise not stronger" in text and "restarts converged" in text


def test_robust_distillation_reaches_the_distilled_set_alone(tmp_path):
    plain = run.run(make(SMALL), tmp_path)
    found = run.run(make(SMALL, mitigate__robust__eps=0.3), tmp_path)
    assert found["run"]["adversarial"] == {"train": 0.0, "distill": 0.3}
    for pipe in ("random_subset", "full_data"):
        assert found["accuracy"][pipe] == plain["accuracy"][pipe]
    images = [
        distill.load(tmp_path / "runs" / r["run"]["id"] / "synthetic.npz").images
        for r in (plain, found)
    ]
    assert not np.array_equal(*images)


def test_baselines_are_attacked_once_for_all_methods(tmp_path, monkeypatch):
    changes = {"audits__robustness__enabled": True}
    first = run.run(make(BARE, **changes), tmp_path)
    attacked, attack = [], robustness.epsilon_curve

    def counted(key, name, *data, **settings):
        attacked.append(name)
        return attack(key, name, *data, **settings)

    monkeypatch.setattr(robustness, "epsilon_curve", counted)
    second = run.run(make(BARE, **changes, distill__method="random"), tmp_path)
    assert attacked == ["fgsm", "pgd_l2"]
    for pipe in ("random_subset", "full_data"):
        assert second["robustness"][pipe] == first["robustness"][pipe]
    assert first["cost"]["robustness_seconds"] > 0
    changes["audits__robustness__images"] = 10
    third = run.run(make(BARE, **changes), tmp_path)
    assert third["robustness"]["full_data"]["images"] == 10
