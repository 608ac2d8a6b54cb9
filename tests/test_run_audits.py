"""Audits that are off by default, in whole runs."""

from pathlib import Path

import numpy as np
import pytest
from tiny import BARE, MLP, make
from tiny import quick_compiles as quick_compiles

from dd_jax import report, run
from dd_jax.audits.corruptions import CORRUPTIONS

PIPES = {"distilled", "random_subset", "full_data"}
SMALL = BARE | MLP | {"distill.steps": 2, "train.epochs": 2}


def page(root) -> str:
    text = Path(report.build(root)).read_text()
    return " ".join(text.replace("&nbsp;", " ").split())


def test_corruptions_reach_record_and_report(tmp_path):
    changes = {
        "audits__corruptions__enabled": True,
        "audits__corruptions__images": 30,
    }
    found = run.run(make(SMALL, **changes), tmp_path)["corruptions"]
    assert set(found) == PIPES | {"mce", "images"} and found["images"] == 30
    for pipe in PIPES:
        assert set(found[pipe]) == {"clean", *CORRUPTIONS}
        assert all(len(found[pipe][name]) == 5 for name in CORRUPTIONS)
        mean = found[pipe]["fog"][4]["mean"] * 30
        assert mean * found[pipe]["fog"][4]["n"] == pytest.approx(
            np.round(mean * found[pipe]["fog"][4]["n"])
        )
    assert found["mce"]["full_data"]["mean"] == pytest.approx(1)
    assert "mean corruption error, full data = 1" in page(tmp_path)


def test_adversarial_training_reaches_networks_and_caches(tmp_path):
    base = SMALL | {"train.epochs": 20, "train.full_epochs": 3, "train.lr": 0.05}
    plain = run.run(make(base), tmp_path)
    against = {"train__adversarial__eps": 0.4, "train__adversarial__steps": 1}
    found = run.run(make(base, **against), tmp_path)
    assert found["run"]["id"] != plain["run"]["id"]
    for pipe in PIPES:
        assert found["accuracy"][pipe] != plain["accuracy"][pipe], pipe
