"""Runs whose method learns labels, beside random images with labels that it learns."""

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, make, only_run

from dd_jax import distill, run
from dd_jax.report import schema
from dd_jax.run import stages
from dd_jax.run.context import build_context
from dd_jax.run.control_networks import random_images
from dd_jax.run.learned_labels import images_with_learned_labels
from dd_jax.runtime.loop import Diverged

FREPO = {"distill.method": "frepo", "train.augment": "scale"}
DATM = {
    "distill.method": "mtt",
    "distill.lr_labels": 2.0,
    "distill.mtt.experts": 1,
    "distill.mtt.max_start": 1,
    "distill.mtt.expert_epochs": 1,
    "distill.mtt.student_steps": 2,
    "distill.mtt.label_epoch": 1,
    "train.augment": "scale",
}


def labelled(tmp_path, monkeypatch, values):
    """The context of a run, its sets, and random images with learned labels."""
    built = build_context(make(BARE | MLP | values), tmp_path / "run", tmp_path)
    sets, _ = stages.synthetic_sets(built)
    found, given = [], stages.networks_on_sets
    spy = lambda run, sets, stage: found.append(sets) or given(run, sets, stage)
    monkeypatch.setattr(stages, "networks_on_sets", spy)
    networks = random_images(built, 6)
    assert [*networks] == ["learned_labels"]
    assert len(jax.tree.leaves(networks)[0]) == built.config.train.nets
    assert built.cost.seconds["controls"] > 0
    return built, sets, *found


@pytest.mark.parametrize("values", [FREPO, DATM], ids=["frepo", "datm"])
def test_images_are_real_ones_and_labels_are_learned(tmp_path, monkeypatch, values):
    built, sets, found = labelled(tmp_path, monkeypatch, values)
    train = built.dataset.train
    real = np.float32(train.images) / 255
    apart = [
        np.abs(real[train.labels == c] - image).max((1, 2, 3)).min()
        for image, c in zip(found.images[0], found.image_classes[0])
    ]
    assert max(apart) < 1e-5
    assert np.abs(sets.images - found.images).max() > 1e-3  # those of the run move
    assert found.soft and np.abs(sets.labels - found.labels).max() > 1e-6
    first, second, *_ = found.labels[0]  # of one class, which FRePo's start alike
    assert np.abs(first - second).max() > 1e-6


PRIVATE = {"dp.epsilon": 8.0, "dp.delta": 1e-4, "distill.init": "noise"}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"distill.method": "random", "distill.lr_labels": 1.0},  # learns nothing
        {"distill.lr_labels": 1.0} | PRIVATE,  # no second release of private rows
    ],
    ids=["hard", "selection", "private"],
)
def test_without_labels_that_may_be_learned_there_are_none(tmp_path, values):
    built = build_context(make(BARE | MLP | values), tmp_path / "run", tmp_path)
    assert images_with_learned_labels(built) is None
    assert not list(tmp_path.iterdir())


def test_a_distillation_that_diverges_leaves_the_control_out(
    tmp_path, monkeypatch, capsys
):
    def diverging(*given):
        raise Diverged("loss is nan by step 3")

    built = build_context(make(BARE | MLP | FREPO), tmp_path / "run", tmp_path)
    monkeypatch.setattr(stages, "distilled", diverging)
    assert random_images(built, 6) == {}
    line = "controls, learned labels: loss is nan by step 3; left out\n"
    assert capsys.readouterr().err == line


@pytest.mark.slow
def test_the_control_is_in_the_record_and_not_of_a_loaded_set(tmp_path):
    on = {"audits.controls.enabled": True, "sets": 2, "distill.steps": 3}
    on |= {"audits.controls.names": ("unaugmented",), "report.tensorboard": True}
    found = run.run(make(BARE | MLP | FREPO | on), tmp_path / "w")
    schema.validate(found)
    part = found["controls"]
    names = [row["name"] for row in part["controls"]]
    assert names == ["hard_labels", "learned_labels"]
    assert all(row["accuracy"]["n"] == 2 for row in part["controls"])  # sets
    assert part["unaugmented"]["learned_labels"]["n"] == 2
    assert part["scores"]["ars"] is not None
    steps = found["cost"]["distill_seconds"], found["cost"]["controls_seconds"]
    assert min(steps) > 0
    assert not list(tmp_path.rglob("*/learned_labels"))  # losses are of the run's set
    path = only_run(tmp_path / "w") / "synthetic.npz"
    assert distill.load(path).soft
    loaded = BARE | MLP | FREPO | {"distill.load": str(path)}
    built = build_context(make(loaded), tmp_path / "loaded", tmp_path)
    assert images_with_learned_labels(built) is None
