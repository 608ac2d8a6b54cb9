"""What the report says of the images of a set."""

import fabricate
import pytest

from dd_jax.report import run_notes


@pytest.mark.parametrize("method", ["random", "herding", "kcenter", "kmeans"])
def test_images_that_are_training_images_are_not_shown(method):
    record = fabricate.record(method=method, init=None)
    assert "which the report does not show" in run_notes.hidden(record)
    assert run_notes.near_real(record) == ""
    record["run"]["loaded"] = True
    assert run_notes.hidden(record) == ""


@pytest.mark.parametrize("init", ["real", "kmeans", "noise", "public", "of mine"])
def test_images_that_start_from_real_ones_are_said_to(init):
    record = fabricate.record(method="dm", init=init)
    assert run_notes.hidden(record) == ""
    assert bool(run_notes.near_real(record)) == (init in ("real", "kmeans"))


def test_the_size_of_a_set_by_all_ratios():
    record = fabricate.record()
    assert run_notes.size(record).endswith("real images (7 %)")
    record["run"] |= {"bytes": {"images": 6400, "labels": 40000}, "byte_ratio": 0.431}
    assert run_notes.size(record).endswith(
        "(7 %); 6.4 kB of images and 40 kB of labels, 43 % of the bytes"
    )
