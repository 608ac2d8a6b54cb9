"""Masking checks that need more than curves, on networks with and without masking."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits import robustness
from dd_jax.audits.robustness import behaviour, epsilon_curve, masking_checks
from dd_jax.catalogue.naming import attack_of

KEY, N, SHAPE = jax.random.key(0), 24, (4, 4, 1)
QUICK = {"square": 60, "noise": 200, "apgd_t": 10, "pgd_linf": 10}


def unmasked(params, images):
    hidden = jnp.tanh((images.reshape(len(images), -1) - 0.5) @ params["first"])
    return hidden @ params["second"]


def saturated(params, images):
    """Probabilities of other classes underflow: cross-entropy has no gradient."""
    return 1e5 * unmasked(params, images)


def quantised(params, images):
    """Rounding has no gradient; decisions stay as they are in the middle of the box."""
    return unmasked(params, jnp.round(8 * images) / 8)


def randomised(params, images):
    draw = lambda: np.float32(np.random.default_rng().normal(size=3))
    noise = jax.pure_callback(draw, jax.ShapeDtypeStruct((3,), jnp.float32))
    return unmasked(params, images) + 0.01 * noise


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    params = {
        "first": jnp.float32(rng.normal(size=(1, 16, 8))),
        "second": jnp.float32(rng.normal(size=(1, 8, 3))),
    }
    images = np.float32(rng.uniform(0.2, 0.8, (N, *SHAPE)))
    net = {name: leaf[0] for name, leaf in params.items()}
    labels = np.asarray(quantised(net, jnp.asarray(images)).argmax(-1))
    return params, images, labels


def checked(apply, problem):
    """All checks of PGD in Linf."""
    params, images, labels = problem

    def attack(purpose, spec, eps, **settings):
        name, chosen = attack_of(spec)
        steps = {"steps": QUICK[name]} | chosen | settings
        return epsilon_curve(KEY, name, apply, *problem, eps, chunk=N, **steps)

    curves = {"pgd_linf": attack("attack", "pgd_linf", np.array([0.0, 0.05, 0.1]))}
    found = behaviour(KEY, apply, params, images, labels, chunk=10)
    further = robustness.reruns(attack, curves)
    return found, masking_checks(curves, behaviour=found, **further)


@pytest.mark.slow
def test_a_network_without_masking_passes(problem):
    found, checks = checked(unmasked, problem)
    assert [name for name, passed in checks.items() if passed is False] == []
    known = {name for name, passed in checks.items() if passed}
    assert known >= {
        "outputs_repeat",
        "gradients_present",
        "gradient_free_not_stronger",
        "random_noise_not_stronger",
        "targeted_not_stronger",
        "large_eps_reaches_chance",
        "success_reaches_all",
    }
    assert found.without_gradient.shape == (1, N) and found.spread.tolist() == [0.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("apply", "warned"),
    [
        (saturated, {"gradients_present", "targeted_not_stronger"}),
        pytest.param(
            quantised,
            {"gradients_present", "random_noise_not_stronger"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_masked_gradients_are_detected(apply, warned, problem):
    found, checks = checked(apply, problem)
    failed = {name for name, passed in checks.items() if passed is False}
    also = {"gradient_free_not_stronger", "success_reaches_all"}
    assert failed >= warned | also
    assert found.without_gradient.mean() > 0.5


def test_random_outputs_are_detected(problem):
    found = behaviour(KEY, randomised, *problem, chunk=10)
    curve = epsilon_curve(KEY, "fgsm", unmasked, *problem, np.array([0.1]), chunk=N)
    assert masking_checks({"fgsm": curve}, behaviour=found)["outputs_repeat"] is False
    assert 1e-4 < found.spread[0] < 1


def test_only_the_images_among_those_given_are_attacked(problem):
    params, images, labels = problem
    among = np.zeros((1, N), bool)
    among[0, ::3] = True
    curve = epsilon_curve(
        KEY, "noise", unmasked, *problem, np.array([0.0, 1.0]), chunk=4, among=among,
        steps=50,
    )  # fmt: skip
    whole = epsilon_curve(KEY, "fgsm", unmasked, *problem, np.array([0.0]), chunk=N)
    np.testing.assert_array_equal(curve.clean, whole.clean & among)
    np.testing.assert_array_equal(curve.robust[:, 0], curve.clean)
    assert curve.robust[0, 1].sum() < curve.clean.sum()
