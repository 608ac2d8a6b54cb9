"""Attacks on several devices give the numbers that one device gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import quick_compiles as quick_compiles

from dd_jax import parallel
from dd_jax.attacks import ensemble
from dd_jax.audits import robustness_chunks, robustness_curve, robustness_dropping
from dd_jax.audits.robustness import epsilon_curve, minimal_distances
from dd_jax.audits.transfer import Networks, attacked_images

KEY = jax.random.key(3)
EPS = np.array([0.0, 0.02, 0.1], np.float32)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(22, 4, 4, 1)).astype(np.float32)
LABELS = RNG.integers(0, 3, 22)
PARAMS = {
    "a": jnp.asarray(RNG.normal(size=(3, 16, 8)), jnp.float32),
    "b": jnp.asarray(RNG.normal(size=(3, 8, 3)), jnp.float32),
}


@pytest.fixture
def eight(monkeypatch):
    """Eight devices in place of one, with no program kept from before or for later."""
    used = set()

    def spread(run):
        def call(*arguments):
            found = run(*arguments)
            used.update(len(leaf.devices()) for leaf in jax.tree.leaves(found))
            return found

        return call

    def on_eight(fun):
        return spread(parallel.map_models(fun, devices=jax.local_devices()))

    for module in (robustness_chunks, robustness_dropping, ensemble):
        monkeypatch.setattr(module, "map_models", on_eight)
    forget()
    yield used
    forget()


def forget():
    robustness_curve._attacker.cache_clear()
    robustness_curve._minimiser.cache_clear()
    robustness_dropping._on_chunks.cache_clear()
    ensemble._runner.cache_clear()


def apply(params, images):
    hidden = images.reshape(len(images), -1) @ params["a"]
    return jnp.tanh(hidden) @ params["b"]


def curve(name, **settings):
    nets = apply, PARAMS, IMAGES, LABELS
    return epsilon_curve(KEY, name, *nets, EPS, chunk=4, **settings)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("pgd_linf", {"steps": 3}),
        ("pgd_l2", {"steps": 3, "drop": True}),
        pytest.param(
            "autoattack",
            {"steps": 2, "queries": 2, "batch": 1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_curves_are_those_of_one_device(name, settings, request):
    expected = curve(name, **settings)
    used = request.getfixturevalue("eight")
    found = curve(name, **settings)
    assert 8 in used, "no device but the first took part"
    np.testing.assert_array_equal(found.robust, expected.robust)
    np.testing.assert_array_equal(found.clean, expected.clean)
    np.testing.assert_allclose(found.excess, expected.excess, atol=1e-6)


def test_distances_are_those_of_one_device(request):
    find = lambda: minimal_distances(
        KEY, "deepfool", apply, PARAMS, IMAGES, LABELS, chunk=4
    )
    expected = find()
    used = request.getfixturevalue("eight")
    np.testing.assert_allclose(find(), expected, rtol=1e-5)
    assert 8 in used


def test_images_to_transfer_are_those_of_one_device(request):
    make = lambda: attacked_images(
        KEY, "pgd_linf", Networks(apply, PARAMS), IMAGES, LABELS, EPS, chunk=4, steps=3
    )
    expected = make()
    request.getfixturevalue("eight")
    np.testing.assert_allclose(make(), expected, atol=1e-6)
