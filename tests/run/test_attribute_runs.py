"""Attribute inference in whole runs."""

import numpy as np
import pytest
from tiny import BARE, MLP, make, npz

from dd_jax import report, run
from dd_jax.report.schema import validate
from dd_jax.run.validation import check
from dd_jax.types import InputError

AUDITED = BARE | MLP | {"audits.attributes.enabled": True, "data.num_classes": 0}


def source(path, groups=True, single=False):
    """Bright rows are of class 1; those of group 1 have a bright corner."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        labels, group = np.arange(80) % 2, np.arange(80) // 2 % 2
        images = rng.normal(100, 20, (80, 4, 4)) + 60 * labels[:, None, None]
        images[:, 0, 0] += 60 * group
        arrays |= {f"x_{split}": np.uint8(np.clip(images, 0, 255))}
        arrays[f"y_{split}"] = labels
        if groups:
            arrays[f"group_{split}"] = 0 * group if single else group
    return npz(path, **arrays)


@pytest.mark.slow
def test_each_pipeline_has_its_rates(tmp_path):
    data = {"data.source": source(tmp_path / "data.npz")}
    record = validate(run.run(make(AUDITED | data), tmp_path / "out"))
    part = record["attributes"]
    assert set(part) == {"distilled", "random_subset", "full_data"}
    for found in part.values():
        assert set(found) == {"outputs", "features", "features of untrained networks"}
        assert all(0 <= each["mean"] <= 1 for each in found.values())
    assert part["full_data"]["features of untrained networks"]["mean"] > 0.7
    assert "Attribute inference" in report.build(tmp_path / "out").read_text()


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            {"groups": False},
            "audits.attributes: the data have no groups; give group_tr",
        ),
        ({"single": True}, "audits.attributes: all training rows are of one group"),
    ],
)
def test_data_without_two_groups_are_refused(tmp_path, changes, words):
    data = {"data.source": source(tmp_path / "data.npz", **changes)}
    with pytest.raises(InputError, match=words):
        check(make(AUDITED | data))
