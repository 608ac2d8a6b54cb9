"""The robustness audit: options that reach attacks, evidence that reaches checks."""

import pytest
from contexts import context
from tiny import BARE, make

from dd_jax import config
from dd_jax.audits import robustness
from dd_jax.audits.robustness import robustness_audit
from dd_jax.types import InputError

PIPES = {"distilled", "random_subset", "full_data"}
SMALL = {
    "steps": 2,
    "images": 10,
    "adaptive_steps": 3,
    "queries": 4,
    "draws": 3,
    "eps_linf": (0.0, 0.1),
    "eps_l2": (0.0, 0.5),
}


def given(transfer=False, fields=None, **options):
    others = {"transfer": {"enabled": transfer}}
    return context("robustness", others=others, fields=fields, **SMALL | options)[0]


def measured(transfer=False, **options):
    return robustness_audit.measure(given(transfer, **options))


@pytest.fixture
def attacks(monkeypatch):
    """What each attack is called with, `[(name, settings, curve)]`."""
    found, attack = [], robustness.epsilon_curve

    def watched(key, name, *data, **settings):
        curve = attack(key, name, *data, **settings)
        found.append((name, settings, curve))
        return curve

    monkeypatch.setattr(robustness, "epsilon_curve", watched)
    return found


@pytest.mark.slow
def test_norms_and_versions_reach_the_attacks(attacks):
    """Every radius comes from its norm's key, and every image lies in that ball."""
    found = measured(
        attacks=("square:l2", "apgd_ce:l1", "autoattack:l2:plus"),
        eps_l2=(0.0, 0.5, 50.0),
        eps_l1=(0.0, 2.0),
    )
    of = {(name, curve.settings[0]["norm"]) for name, _, curve in attacks}
    assert of == {("square", "l2"), ("apgd_ce", "l1"), ("autoattack", "l2")}
    assert max(float(curve.excess.max()) for _, _, curve in attacks) <= 1e-6
    assert set(found) == PIPES
    for part in found.values():
        rows = part["attacks"]
        printed = {
            name: [(row["norm"], row["eps"], row["steps"]) for row in of]
            for name, of in rows.items()
        }
        assert printed == {
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


@pytest.mark.slow
def test_components_stay_in_the_order_in_which_they_ran():
    order = ["apgd_ce", "apgd_dlr", "fab", "square", "apgd_t", "fab_t"]
    found = measured(attacks=("autoattack:plus",), eps_linf=(0.02,), images=5)
    for part in found.values():
        (row,) = part["attacks"]["autoattack:plus"]
        assert list(row["components"]) == order
        assert list(row)[:2] == ["eps", "norm"]
        assert row["batch"] == 50 and row["restarts"] == 5
        assert row["step_size"] == pytest.approx(0.04)


@pytest.mark.slow
@pytest.mark.parametrize("transfer", [False, True])
def test_every_check_has_its_evidence(transfer):
    found = measured(transfer, attacks=("fgsm", "pgd_linf"), checks=True, nets=2)
    for part in found.values():
        unknown = {name for name, value in part["checks"].items() if value is None}
        assert unknown == (set() if transfer else {"transfer_not_stronger"})
        assert part["images"] == 10
        assert set(part["median_perturbation"]) == {"deepfool"}
        assert part["zero_gradients"]["mean"] <= 1
        for row in part["attacks"]["pgd_linf"]:
            low, high = row["accuracy"]["image_ci"]
            assert 0 <= low <= row["accuracy"]["mean"] <= high <= 1


def test_a_baseline_is_cached_apart_and_the_first_networks_are_attacked(attacks):
    kept = []

    def cached(name, make, pipe="distilled"):
        kept.append((name, pipe))
        return make()

    made = given(attacks=("fgsm",), nets=1)
    found = robustness_audit.measure(made._replace(cached=cached))
    names = ("attack fgsm", "behaviour")
    assert set(kept) == {(name, pipe) for name in names for pipe in PIPES}
    assert all(part["clean"]["n"] == 1 for part in found.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attacks": ("mim", "autoattack")}, "add pgd_linf, pgd_l2, apgd_ce or"),
        ({"attacks": ("pgd_l2",), "eps_l2": (0.0,)}, "eps_l2 holds no radius above 0"),
    ],
)
def test_what_no_check_can_do_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        robustness_audit.check(given(checks=True, **changes))
    robustness_audit.check(given(checks=False, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eps_linf": (0.1, 0.0, 0.1)}, "numbers, each once, in"),
        ({"eps_l2": (1e20,)}, r"in \[0, 10000\]"),
        ({"attacks": ("fgsm:l2",)}, "deepfool takes l2 or linf, apgd_ce takes"),
    ],
)
def test_radii_and_norms_that_no_attack_takes(changes, message):
    with pytest.raises(InputError, match=message):
        keys = {f"audits.robustness.{name}": value for name, value in changes.items()}
        config.validate(make(BARE | keys))
