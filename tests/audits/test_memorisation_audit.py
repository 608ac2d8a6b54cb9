"""The memorisation audit: controls, sample sizes and the gallery."""

import io

import numpy as np
import pytest
from contexts import context, real_set
from PIL import Image
from tiny import arrays, npz

from dd_jax import data
from dd_jax.audits import memorisation_audit

IPC = 8


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def measured(digits, sets, **options):
    given, files = context("memorisation", digits, sets, **options)
    return memorisation_audit.measure(given), files


@pytest.mark.slow
def test_copies_are_found_out_and_noise_is_not(digits):
    """Copies: a quarter of train is looked at, so about a quarter is found out."""
    sets = real_set(IPC, digits)
    pixels = np.random.default_rng(0).normal(size=sets.images.shape)
    noise, files = measured(digits, sets._replace(images=pixels.astype(np.float32)))
    assert noise["rows"] == 359 or noise["rows"] == 360
    assert noise["share_of_train"] == pytest.approx(0.25, abs=0.01)
    assert set(noise["distilled"]) == {"pixels", *(f"network_{i}" for i in range(3))}
    for space, figures in noise["distilled"].items():
        assert figures["residual_risk"]["ci"][0] == 0, space
    control = noise["copies"]["pixels"]
    assert control["singled_out"]["train"]["ci"][0] > 0.05
    assert control["singled_out"]["train"]["n"] == 80
    assert control["residual_risk"]["mean"] > 0.05
    assert files == {}


def test_real_images_are_as_exposed_as_copies(digits):
    found, files = measured(digits, real_set(IPC, digits), gallery=True)
    ours, control = (found[name]["pixels"] for name in ("distilled", "copies"))
    low, high = control["singled_out"]["train"]["ci"]
    assert low <= ours["singled_out"]["train"]["mean"] <= high
    assert ours["residual_risk"]["ci"][0] > 0
    sheet = np.asarray(Image.open(io.BytesIO(files["gallery.png"])))
    assert sheet.shape == (10 * 48 + 9 * 4, 3 * 48 + 2 * 4)


def test_a_set_of_more_images_than_train_has_rows(tmp_path):
    few = data.load(npz(tmp_path / "few.npz", **arrays((4, 4, 5))))
    sets = real_set(4, few)
    many = sets._replace(
        images=np.repeat(sets.images, 3, 1), labels=np.repeat(sets.labels, 3, 1)
    )
    found, _ = measured(few, many)
    singled_out = lambda name: found[name]["pixels"]["singled_out"]["train"]["n"]
    assert singled_out("distilled") == 3 * 4 * 3 and singled_out("copies") == 13
