"""Distribution inference in whole runs."""

import numpy as np
import pytest
from tiny import BARE, MLP, make, npz

from dd_jax import report, run
from dd_jax.report.schema import validate
from dd_jax.run.validation import check
from dd_jax.types import InputError

AUDITED = BARE | MLP | {"audits.distribution.enabled": True, "data.num_classes": 0}


def source(path, rows=60, groups=True):
    """Rows of two classes; of class 0 many lie among those of class 1."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        labels = np.arange(rows) % 2
        level = np.where(labels, 150, 90)[:, None, None]
        images = np.clip(rng.normal(level, 60, (rows, 4, 4)), 0, 255)
        arrays |= {f"x_{split}": images.astype(np.uint8), f"y_{split}": labels}
        if groups:
            arrays[f"group_{split}"] = np.arange(rows) // 2 % 2
    return npz(path, **arrays)


@pytest.mark.slow
def test_each_pipeline_has_its_accuracy_on_classes_and_groups(tmp_path):
    data = {"data.source": source(tmp_path / "data.npz")}
    models = {"audits.distribution.models": 4}
    record = validate(run.run(make(AUDITED | data | models), tmp_path / "out"))
    part = record["distribution"]
    assert set(part) == {"distilled", "random_subset", "full_data"}
    for found in part.values():
        assert set(found) == {"classes", "groups"}
        assert all(0 <= each["mean"] <= 1 and each["n"] == 4 for each in found.values())
    page = report.build(tmp_path / "out").read_text()
    assert "Distribution inference" in page


@pytest.mark.slow
def test_full_data_tells_the_share_of_a_class(tmp_path):
    rows = source(tmp_path / "data.npz", rows=600, groups=False)
    changes = {
        "data.source": rows,
        "train.full_epochs": 40,
        "train.lr": 0.05,
        "audits.distribution.models": 12,
    }
    part = run.run(make(AUDITED | changes), tmp_path / "out")["distribution"]
    assert part["full_data"]["classes"]["ci"][0] > 0.5


def test_too_few_rows_are_one_line(tmp_path):
    few = {"data.source": source(tmp_path / "data.npz", rows=8), "distill.ipc": 2}
    with pytest.raises(InputError, match="audits.distribution: .* 2 are needed"):
        check(make(AUDITED | few))
