"""Audits that are off by default, in whole runs."""

from pathlib import Path

import numpy as np
import pytest
from tiny import BARE, MLP, make
from tiny import quick_compiles as quick_compiles

from dd_jax import distill, report, run
from dd_jax.audits import corruptions, robustness, transfer
from dd_jax.audits.corruptions import CORRUPTIONS
from dd_jax.run import stages as compose
from dd_jax.run import variants
from dd_jax.types import InputError

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
        "audits.robustness.adaptive_steps": 2,
        "audits.robustness.queries": 3,
        "audits.robustness.draws": 3,
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
        assert unknown == set()
        assert part["zero_gradients"]["mean"] <= 1
        assert part["images"] == 20
        assert set(part["median_perturbation"]) == {"deepfool"}
        for row in part["attacks"]["pgd_linf"]:
            low, high = row["accuracy"]["image_ci"]
            assert 0 <= low <= row["accuracy"]["mean"] <= high <= 1
    text = page(tmp_path)
    assert "Made on, tried on; PGD Linf at 0.1" in text
    assert "random noise not stronger" in text and "restarts converged" in text


def test_the_undefended_network_of_a_defended_run_is_trained_plainly(
    tmp_path, monkeypatch
):
    trained, train = [], compose.networks_on_full_data

    def watched(parts):
        trained.append(parts.config.train.adversarial.eps)
        return train(parts)

    monkeypatch.setattr(compose, "networks_on_full_data", watched)
    changes = {
        "audits.robustness.enabled": True,
        "audits.robustness.attacks": ("pgd_linf",),
        "audits.robustness.checks": True,
        "audits.robustness.adaptive_steps": 2,
        "audits.robustness.queries": 2,
        "audits.robustness.draws": 2,
    }
    plain = run.run(make(SMALL | changes), tmp_path)["robustness"]
    assert trained == [0.0]
    defended = SMALL | changes | {"train.adversarial.eps": 0.2}
    found = run.run(make(defended), tmp_path)["robustness"]
    assert trained == [0.0, 0.2, 0.0, 0.0, 0.0]  # once a pipeline, from the cache
    for pipe, part in found.items():
        before = plain[pipe]["checks"]["undefended_net_falls"]
        assert part["checks"]["undefended_net_falls"] is before is not None


def test_norms_and_versions_reach_record_and_report(tmp_path, monkeypatch):
    """Every radius comes from its norm's key, and every image lies in that ball."""
    excess, attack = {}, robustness.epsilon_curve

    def watched(key, name, *data, **settings):
        curve = attack(key, name, *data, **settings)
        at = name, curve.settings[0]["norm"]
        excess[at] = float(curve.excess.max())
        return curve

    monkeypatch.setattr(robustness, "epsilon_curve", watched)
    changes = {
        "audits.robustness.enabled": True,
        "audits.robustness.attacks": ("square:l2", "apgd_ce:l1", "autoattack:l2:plus"),
        "audits.robustness.eps_l2": (0.0, 0.5, 50.0),
        "audits.robustness.eps_l1": (0.0, 2.0),
        "audits.robustness.adaptive_steps": 3,
        "audits.robustness.queries": 4,
    }
    found = run.run(make(SMALL | changes), tmp_path)["robustness"]
    assert set(excess) == {("square", "l2"), ("apgd_ce", "l1"), ("autoattack", "l2")}
    assert max(excess.values()) <= 1e-6
    for part in found.values():
        rows = part["attacks"]
        told = {
            name: [(row["norm"], row["eps"], row["steps"]) for row in of]
            for name, of in rows.items()
        }
        assert told == {
            "square:l2": [("l2", eps, 4) for eps in (0.0, 0.5, 50.0)],
            "apgd_ce:l1": [("l1", eps, 3) for eps in (0.0, 2.0)],
            "autoattack:l2:plus": [("l2", eps, 3) for eps in (0.0, 0.5, 50.0)],
        }
        assert part["checks"]["in_ball_and_box"] is True
        last = rows["autoattack:l2:plus"][-1]
        assert last["version"] == "plus" and last["queries"] == 4
        for row in rows["autoattack:l2:plus"]:
            after = [value["mean"] for value in row["components"].values()]
            assert after == sorted(after, reverse=True) and len(after) == 6
            assert after[-1] == row["accuracy"]["mean"]
        assert {row["norm"] for row in part["worst_case"]} == {"l2", "l1"}
    text = page(tmp_path)
    assert "Accuracy under attack, by L1 radius" in text
    assert "AutoAttack component by component" in text
    assert "AutoAttack, L2, plus" in text


def test_transfer_reaches_other_architectures_methods_and_sets(tmp_path):
    made = run.run(make(SMALL, distill__method="herding"), tmp_path / "made")
    path = tmp_path / "made" / "runs" / made["run"]["id"] / "synthetic.npz"
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.architectures": ("convnet",),
        "audits.transfer.methods": ("random",),
        "audits.transfer.sets": (str(path),),
        "model.depth": 2,
    }
    config = make(SMALL | changes)
    record = run.run(config, tmp_path / "out")
    groups = PIPES | {"convnet", "random", "set 1, herding"}
    pairs = {(row["source"], row["target"]) for row in record["transfer"]}
    # one network each, hence no siblings
    assert pairs == {(a, b) for a in groups for b in groups if a != b}
    at_zero = {
        (row["source"], row["target"]): row["accuracy"]["mean"]
        for row in record["transfer"]
        if row["eps"] == 0
    }
    for target in groups:  # clean images, whatever the source
        assert len({v for (_, t), v in at_zero.items() if t == target}) == 1
    assert record["cost"]["transfer_seconds"] > 0
    text = page(tmp_path / "out")
    assert "set 1, herding" in text and "other sets and networks for transfer" in text
    moved = tmp_path / "elsewhere.npz"
    moved.write_bytes(path.read_bytes())
    changes["audits.transfer.sets"] = (str(moved),)
    assert run.run_id(make(SMALL | changes)) == record["run"]["id"]


def test_sets_to_transfer_from_are_checked_before_any_compute(tmp_path):
    made = run.run(make(SMALL, data__num_classes=2), tmp_path / "made")
    path = tmp_path / "made" / "runs" / made["run"]["id"] / "synthetic.npz"
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.sets": (str(path),),
    }
    with pytest.raises(InputError, match="images of 2 classes; digits has"):
        run.run(make(SMALL | changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


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


class Killed(BaseException):
    """What no handler of errors may catch."""


def test_a_kill_loses_no_finished_attack(tmp_path, monkeypatch):
    """Stopped in every 5th piece of work; each piece is finished once all the same."""
    finished, begun = [], []
    kills = False

    def watch(module, name):
        work = getattr(module, name)

        def watched(*task, **settings):
            begun.append(name)
            if kills and len(begun) % 5 == 0:
                raise Killed
            made = work(*task, **settings)
            finished.append(name)
            return made

        monkeypatch.setattr(module, name, watched)

    watch(robustness, "epsilon_curve")
    watch(robustness, "behaviour")
    watch(robustness, "minimal_distances")
    watch(transfer, "curves_from")
    watch(corruptions, "corruption_accuracy")
    config = make(
        SMALL
        | {
            "audits.robustness.enabled": True,
            "audits.robustness.checks": True,
            "audits.robustness.attacks": ("fgsm", "pgd_linf"),
            "audits.robustness.images": 5,
            "audits.robustness.adaptive_steps": 2,
            "audits.robustness.queries": 2,
            "audits.robustness.draws": 2,
            "audits.transfer.enabled": True,
            "audits.corruptions.enabled": True,
            "audits.corruptions.images": 5,
        }
    )
    unbroken = run.run(config, tmp_path / "unbroken")
    once, kills = sorted(finished), True
    finished.clear()
    stops = 0
    while True:
        try:
            resumed = run.run(config, tmp_path / "killed")
            break
        except Killed:
            stops += 1
    assert stops > 5 and sorted(finished) == once
    assert set(resumed) == set(unbroken)
    for part in set(unbroken) - {"cost"}:
        assert resumed[part] == unbroken[part], part


def test_components_stay_in_the_order_in_which_they_ran(tmp_path):
    changes = {
        "audits.robustness.enabled": True,
        "audits.robustness.attacks": ("autoattack:plus",),
        "audits.robustness.eps_linf": (0.02,),
        "audits.robustness.images": 5,
        "audits.robustness.adaptive_steps": 2,
        "audits.robustness.queries": 2,
    }
    found = run.run(make(SMALL | changes), tmp_path)["robustness"]
    order = ["apgd_ce", "apgd_dlr", "fab", "square", "apgd_t", "fab_t"]
    for part in found.values():
        (row,) = part["attacks"]["autoattack:plus"]
        assert list(row["components"]) == order
        assert list(row)[:2] == ["eps", "norm"]
        assert row["batch"] == 50 and row["restarts"] == 5
        assert row["step_size"] == pytest.approx(0.04)


def test_a_damaged_file_is_named_and_made_again(tmp_path, capsys):
    changes = {"audits.robustness.enabled": True}
    first = run.run(make(SMALL | changes), tmp_path)
    (path,) = tmp_path.glob("cache/*/full_data/attacks/attack_fgsm.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    again = run.run(make(SMALL | changes, distill__method="random"), tmp_path)
    assert "attack_fgsm.npz: damaged" in capsys.readouterr().err
    part = lambda record: record["robustness"]["full_data"]["attacks"]["fgsm"]
    assert part(again) == part(first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attacks": ("mim", "autoattack")}, "add pgd_linf, pgd_l2, apgd_ce or"),
        ({"attacks": ("pgd_l2",), "eps_l2": (0.0,)}, "eps_l2 holds no radius above 0"),
        ({"eps_linf": (0.1, 0.0, 0.1)}, "numbers, each once, in"),
        ({"eps_l2": (1e20,)}, r"in \[0, 10000\]"),
        ({"attacks": ("fgsm:l2",)}, "deepfool takes l2 or linf, autoattack takes"),
    ],
)
def test_what_no_check_can_do_is_refused_before_any_compute(tmp_path, changes, message):
    keys = {f"audits.robustness.{key}": value for key, value in changes.items()}
    on = {"audits.robustness.enabled": True, "audits.robustness.checks": True}
    with pytest.raises(InputError, match=message):
        run.run(make(SMALL | on | keys), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_robust_distillation_leaves_methods_that_cannot_as_they_are():
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dsa", "herding"),
        "mitigate.robust.eps": 0.1,
    }
    found = variants.others(make(SMALL | changes))
    assert found["herding"]["mitigate.robust.eps"] == 0
    assert "mitigate.robust.eps" not in found["dsa"]


@pytest.mark.parametrize("factor, kept", [(0, False), (2, True)])
def test_other_methods_decode_by_all_factors_only_where_there_are_tiles(factor, kept):
    changes = {
        "distill.method": "idc",
        "distill.multi": True,
        "distill.factor": factor,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dm",),
    }
    found = variants.others(make(SMALL | changes))["dm"]
    assert found.get("distill.multi", True) == kept
