"""The memorisation audit of a run: controls, sample sizes and the gallery."""

import io

import numpy as np
import pytest
from PIL import Image
from tiny import BARE, MLP, arrays, make, npz, only_run
from tiny import quick_compiles as quick_compiles

from dd_jax import run

ON = BARE | MLP | {"audits.memorisation.enabled": True, "data.num_classes": 0}


def measured(root, **changes):
    return run.run(make(ON, **changes), root)["memorisation"]


def test_copies_are_found_out_and_noise_is_not(tmp_path):
    """Copies: a quarter of train is looked at, so about a quarter is found out."""
    noise = measured(tmp_path, distill__init="noise", distill__steps=1, distill__ipc=8)
    assert noise["rows"] == 359 or noise["rows"] == 360
    assert noise["share_of_train"] == pytest.approx(0.25, abs=0.01)
    assert set(noise["distilled"]) == {"pixels", *(f"network_{i}" for i in range(3))}
    for space, figures in noise["distilled"].items():
        assert figures["residual_risk"]["ci"][0] == 0, space
    control = noise["copies"]["pixels"]
    assert control["singled_out"]["train"]["ci"][0] > 0.05
    assert control["singled_out"]["train"]["n"] == 80
    assert control["residual_risk"]["mean"] > 0.05


def test_real_initial_images_are_as_exposed_as_copies(tmp_path):
    found = measured(tmp_path, distill__steps=0, distill__ipc=8)
    ours, control = (found[name]["pixels"] for name in ("distilled", "copies"))
    low, high = control["singled_out"]["train"]["ci"]
    assert low <= ours["singled_out"]["train"]["mean"] <= high
    assert ours["residual_risk"]["ci"][0] > 0


def test_the_gallery_is_written_on_request_only(tmp_path):
    measured(tmp_path / "without", distill__steps=0)
    assert not (only_run(tmp_path / "without") / "gallery.png").exists()
    measured(
        tmp_path / "with",
        distill__steps=0,
        audits__memorisation__gallery=True,
    )
    png = (only_run(tmp_path / "with") / "gallery.png").read_bytes()
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert sheet.shape == (10 * 48 + 9 * 4, 3 * 48 + 2 * 4)


def test_a_set_of_more_images_than_train_has_rows(tmp_path):
    source = npz(tmp_path / "few.npz", **arrays((4, 4, 5)))
    many = {"distill__ipc": 2, "distill__factor": 2, "distill__multi": True}
    found = measured(tmp_path / "w", data__source=source, **many)
    singled_out = found["distilled"]["pixels"]["singled_out"]["train"]
    assert singled_out["n"] == 3 * 2 * 5
    assert found["copies"]["pixels"]["singled_out"]["train"]["n"] == 13
