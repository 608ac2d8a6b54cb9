"""Attacks on several devices give the numbers of one device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits.robustness import epsilon_curve, minimal_distances
from dd_jax.audits.transfer import Networks, attacked_images
from dd_jax.runtime import parallel
from dd_jax.runtime.devices import spread

KEY = jax.random.key(3)
EPS = np.array([0.0, 0.02, 0.1], np.float32)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(22, 4, 4, 1)).astype(np.float32)
LABELS = RNG.integers(0, 3, 22)
PARAMS = {
    "a": jnp.asarray(RNG.normal(size=(3, 16, 8)), jnp.float32),
    "b": jnp.asarray(RNG.normal(size=(3, 8, 3)), jnp.float32),
}


def on_eight(monkeypatch, find):
    """The result of `find` on eight devices, of which several were used."""
    used = set()
    program = parallel._program

    def seen(fun, chunk, devices, *rest):
        used.add(len(devices))
        return program(fun, chunk, devices, *rest)

    monkeypatch.setattr(parallel, "_program", seen)
    with spread(8):
        found = find()
    assert max(used) > 1, "only the first device was used"
    return found


def apply(params, images):
    hidden = images.reshape(len(images), -1) @ params["a"]
    return jnp.tanh(hidden) @ params["b"]


def curve(name, **settings):
    nets = apply, PARAMS, IMAGES, LABELS
    return epsilon_curve(KEY, name, *nets, EPS, chunk=4, **settings)


@pytest.mark.parametrize(
    "name, settings",
    [
        pytest.param("pgd_linf", {"steps": 3}, marks=pytest.mark.slow),
        ("pgd_l2", {"steps": 3, "drop": True}),
        pytest.param(
            "autoattack",
            {"steps": 2, "queries": 2, "batch": 1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_curves_are_those_of_one_device(name, settings, monkeypatch):
    expected = curve(name, **settings)
    found = on_eight(monkeypatch, lambda: curve(name, **settings))
    np.testing.assert_array_equal(found.robust, expected.robust)
    np.testing.assert_array_equal(found.clean, expected.clean)
    np.testing.assert_allclose(found.excess, expected.excess, atol=1e-6)


def test_distances_are_those_of_one_device(monkeypatch):
    find = lambda: minimal_distances(
        KEY, "deepfool", apply, PARAMS, IMAGES, LABELS, chunk=4
    )
    expected = find()
    np.testing.assert_allclose(on_eight(monkeypatch, find), expected, rtol=1e-5)


def test_images_to_transfer_are_those_of_one_device(monkeypatch):
    make = lambda: attacked_images(
        KEY, "pgd_linf", Networks(apply, PARAMS), IMAGES, LABELS, EPS, chunk=4, steps=3
    )
    expected = make()
    np.testing.assert_allclose(on_eight(monkeypatch, make), expected, atol=1e-6)
