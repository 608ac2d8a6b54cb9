"""Every masking check on curves of given accuracies: it passes, fails or is None."""

import numpy as np
import pytest
from made_curves import made, of_remaining

from dd_jax.audits.robustness import Behaviour, masking_checks


def known(checks):
    return {name: passed for name, passed in checks.items() if passed is not None}


def test_all_pass_on_a_working_pair_of_attacks():
    curves = {
        "fgsm": made([0.9, 0.5, 0.6], [0, 0.1, 0.2], steps=1),
        "pgd_linf": made([0.9, 0.4, 0.1], [0, 0.1, 0.2], steps=20),
    }
    assert known(masking_checks(curves)) == {
        "eps_zero_equals_clean": True,
        "monotone_in_eps": True,
        "iterative_beats_single_step": True,
        "in_ball_and_box": True,
    }


@pytest.mark.parametrize(
    ("check", "iterative"),
    [
        ("eps_zero_equals_clean", made([0.8, 0.4], [0, 0.1], steps=20)),
        ("monotone_in_eps", made([0.9, 0.3, 0.32], [0, 0.1, 0.2], steps=20)),
        ("iterative_beats_single_step", made([0.9, 0.6], [0, 0.1], steps=20)),
    ],
)
def test_each_check_of_a_curve_can_fail(check, iterative):
    curves = {"fgsm": made([0.9, 0.5], [0, 0.1], steps=1), "pgd_linf": iterative}
    checks = masking_checks(curves)
    assert [name for name, passed in checks.items() if passed is False] == [check]


def test_checks_are_none_where_nothing_was_measured():
    checks = masking_checks({"fgsm": made([0.5, 0.3], [0.1, 0.2], steps=1)})
    assert known(checks) == {"in_ball_and_box": True}
    assert len(checks) == 16
    # two norms cannot be compared
    curves = {
        "fgsm": made([0.5], [0.1], steps=1),
        "pgd_l2": made([0.8], [0.1], steps=20, norm="l2"),
    }
    assert masking_checks(curves)["iterative_beats_single_step"] is None


def test_checks_are_none_for_a_network_that_is_always_wrong():
    nothing = {"eps": [0, 0.1, 1.0], "clean": 0.0}
    curves = {
        "fgsm": made([0.0] * 3, steps=1, **nothing),
        "pgd_linf": made([0.0] * 3, steps=20, **nothing)._replace(num_classes=10),
    }
    more = {"doubled": curves, "distances": {"deepfool": np.zeros((1, 10))}}
    assert known(masking_checks(curves, **more)) == {"in_ball_and_box": True}


@pytest.mark.parametrize("good", [True, False])
def test_checks_of_further_evidence_pass_and_fail(good):
    eps = [0.1, 0.5]
    white = made([0.4, 0.1 if good else 0.2], eps, steps=20)._replace(num_classes=10)
    square = made([0.6 if good else 0.3, 0.5], eps, steps=50, kind="search")
    remaining = {"pgd_linf": of_remaining(0.4, 0.4 if good else 0.3)}
    checks = masking_checks(
        {"pgd_linf": white, "square": square},
        doubled={"pgd_linf": made([0.39 if good else 0.3], [0.1], steps=40)},
        restarted={"pgd_linf": made([0.39 if good else 0.3], [0.1], steps=20)},
        noise=remaining,
        gradient_free=remaining,
        targeted={"pgd_linf": of_remaining(0.4, 0.36 if good else 0.3)},
        wide={"pgd_linf": made([0.0 if good else 0.05], [1.0], steps=20)},
        undefended={"pgd_linf": made([0.1 if good else 0.2], [0.3], steps=20)},
        behaviour=Behaviour(
            np.array([[False] * 99 + [not good] * 2]), np.array([0.0 if good else 1e-3])
        ),
        transferred={"pgd_linf": made([0.7 if good else 0.2], [0.1], steps=20)},
        distances={"cw_l2": np.array([[0.3, 1.0 if good else np.inf]])},
    )
    for name in (
        "outputs_repeat",
        "gradients_present",
        "large_eps_reaches_chance",
        "success_reaches_all",
        "targeted_not_stronger",
        "undefended_net_falls",
        "gradient_free_not_stronger",
        "random_noise_not_stronger",
        "steps_converged",
        "restarts_converged",
        "transfer_not_stronger",
        "unbounded_always_succeeds",
    ):
        assert checks[name] is good, name


@pytest.mark.parametrize("kind", ["search", "sampling", "distance"])
def test_only_ascents_must_beat_a_single_step(kind):
    curves = {
        "fgsm": made([0.3], [0.1], steps=1),
        "weaker": made([0.6], [0.1], steps=50, kind=kind),
    }
    assert masking_checks(curves)["iterative_beats_single_step"] is None
    curves["weaker"] = curves["weaker"]._replace(kind="ascent")
    assert masking_checks(curves)["iterative_beats_single_step"] is False


@pytest.mark.parametrize("kind, passed", [("sampling", None), ("search", False)])
def test_independent_samples_need_not_be_monotone(kind, passed):
    curve = made([0.3, 0.5], [0.1, 0.2], steps=50, kind=kind)
    assert masking_checks({"mine": curve})["monotone_in_eps"] is passed


def test_an_ensemble_does_not_hide_a_stronger_gradient_free_attack():
    curves = {
        "pgd_linf": made([0.8], [0.1], steps=20),
        "square": made([0.1], [0.1], steps=50, kind="search"),
        "autoattack": made([0.1], [0.1], steps=100, kind="ensemble"),
    }
    checks = masking_checks(curves, noise={"pgd_linf": of_remaining(0.8, 0.5)})
    assert checks["gradient_free_not_stronger"] is False
    assert checks["random_noise_not_stronger"] is False


def test_convergence_is_checked_without_dropping():
    """The dropped curve holds 0.3; alone the attack leaves 0.6, twice the steps 0.4."""
    dropped = {"pgd_linf": made([0.3], [0.1], steps=20)}
    doubled = {"pgd_linf": made([0.4], [0.1], steps=40)}
    assert masking_checks(dropped, doubled=doubled)["steps_converged"] is True
    plain = {"pgd_linf": made([0.6], [0.1], steps=20)}
    found = masking_checks(dropped, plain=plain, doubled=doubled, restarted=plain)
    assert found["steps_converged"] is False and found["restarts_converged"] is True


def test_wide_radii_are_compared_beside_the_curves():
    curves = {"pgd_linf": made([0.3], [0.1], steps=20)._replace(num_classes=10)}
    for left, passed in ((0.1, True), (0.4, False)):
        wide = {"pgd_linf": made([left], [0.5], steps=20)}
        checks = masking_checks(curves, wide=wide)
        assert checks["large_eps_reaches_chance"] is passed
