"""Runs whose sets have the labels of a teacher."""

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, TINY, arrays, make, npz, only_run

from dd_jax import distill, models, run, train
from dd_jax.distill.base import Experts
from dd_jax.distill.io import png_folder
from dd_jax.report import schema
from dd_jax.run import control_networks, stages
from dd_jax.run.context import build_context
from dd_jax.run.methods import experts_of
from dd_jax.run.taught import teacher_of
from dd_jax.runtime.precision import precision
from dd_jax.types import InputError

TAUGHT = {
    "distill.labels": "teacher",
    "distill.teacher.epochs": 2,
    "distill.teacher.bytes": 200,  # two views of six images of three classes
    "train.augment": "scale",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("taught")


@pytest.fixture(scope="module")
def record(root):
    privacy = {"audits.privacy.threats": ("t1", "t1_images")}
    off = {"audits.robustness.enabled": False, "audits.memorisation.enabled": False}
    return run.run(make(TINY | MLP | off | TAUGHT | privacy), root)


def test_the_set_its_size_and_its_shadows(record, root):
    schema.validate(record)
    found = distill.load(only_run(root) / "synthetic.npz")
    assert found.views.shape == (2, 6, 3) and "mod 2" in str(found.metadata)
    np.testing.assert_allclose(found.labels, found.views.mean(0), atol=1e-6)
    assert found.labels.max() < 1
    size = {"images": 6 * 64, "labels": 2 * 6 * 3 * 4}
    assert record["run"]["bytes"] == size
    real = 6 / record["run"]["ratio"] * (64 + 1)  # 8 x 8 values and a class each
    assert record["run"]["byte_ratio"] == pytest.approx(sum(size.values()) / real)
    assert set(record["privacy"]["distilled"]) >= {"t1", "t1_images"}


def test_the_set_loaded_again_gives_the_same_accuracy(record, root, tmp_path):
    folder = tmp_path / "png"
    path = only_run(root) / "synthetic.npz"
    again = {"distill.load": str(path), "train.augment": "scale"}
    found = run.run(make(BARE | MLP | again), tmp_path / "npz")
    assert found["accuracy"]["distilled"] == record["accuracy"]["distilled"]
    png_folder.write(folder, distill.load(path))
    np.testing.assert_array_equal(distill.load(folder).views, distill.load(path).views)
    assert (distill.load(folder).image_classes == np.repeat(np.arange(3), 2)).all()
    other = make(BARE | MLP | again | {"train.augment": "none"})
    with pytest.raises(InputError, match="give --config.train.augment=scale"):
        run.run(other, tmp_path / "other")


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"distill.teacher.bytes": 71}, "is 72 bytes"),
        ({"distill.lr_labels": 1.0}, "learns at distill.lr_labels=1; give"),
        ({"distill.method": "frepo"}, "frepo learns at distill.lr_labels=0.01"),
        ({"train.augment": "none"}, "all views of an image are the same"),
        ({"backdoor.rate": 0.1}, "would undo the backdoor"),
        ({"distill.labels": "own"}, "goes with distill.labels=teacher"),
        ({"dp.epsilon": 1.0, "distill.init": "noise"}, "without noise"),
    ],
)
def test_what_does_not_go_with_a_teacher(changes, said):
    with pytest.raises(InputError, match=said):
        run.prepared(make(BARE | MLP | TAUGHT | changes))


@pytest.mark.slow
def test_crops_in_tiles_and_labels_of_a_resnet_with_batch_statistics(tmp_path):
    source = npz(tmp_path / "data.npz", **arrays(size=32))
    network = {"model.name": "resnet18", "model.norm": "batch"}
    recipe = {"distill.method": "rded", "distill.rded.tiles": 2, "train.epochs": 2}
    taught = TAUGHT | recipe | {"distill.rded.expert_epochs": 2}
    bare = {key: of for key, of in BARE.items() if not key.startswith("model.")}
    run.run(make(bare | taught | network, data__source=source), tmp_path / "run")
    found = distill.load(only_run(tmp_path / "run") / "synthetic.npz")
    assert found.images.shape == (6, 32, 32, 1)
    assert found.views.shape == (2, 6, 3)
    np.testing.assert_allclose(found.views.sum(-1), 1, atol=1e-5)


@pytest.mark.slow
def test_controls_have_the_classes_and_labels_of_the_teacher(tmp_path):
    names = {"audits.controls.names": ("herding",)}
    on = {"audits.controls.enabled": True, "distill.method": "random"}
    found = run.run(make(BARE | MLP | TAUGHT | names | on), tmp_path)["controls"]
    assert [row["name"] for row in found["controls"]] == [
        *("herding", "hard_labels", "same_labels")
    ]
    assert found["soft"] and found["scores"]["ior"] is not None


@pytest.mark.slow
def test_augmentation_robustness_of_labels_of_a_teacher(tmp_path):
    names = {"audits.controls.names": ("unaugmented",)}
    on = {"audits.controls.enabled": True, "distill.method": "random"}
    found = run.run(make(BARE | MLP | TAUGHT | names | on), tmp_path)
    schema.validate(found)
    plain, scores = found["controls"]["unaugmented"], found["controls"]["scores"]
    rows = found["controls"]["controls"]
    (random,) = (row for row in rows if row["name"] == "same_labels")
    mean = lambda of: of["mean"]
    own = mean(found["accuracy"]["distilled"]) - mean(random["accuracy"])
    without = mean(plain["distilled"]) - mean(plain["same_labels"])
    beta = (own + without) / 2
    known = (np.exp(beta) - np.exp(-1)) / (np.e - np.exp(-1))
    assert scores["ars"] == pytest.approx(known)
    assert len(list(tmp_path.rglob("teacher_*/*.npy"))) == 1  # that of the set


@pytest.mark.slow
def test_random_images_have_labels_of_the_very_teacher_of_the_set(
    tmp_path, monkeypatch
):
    built = build_context(make(BARE | MLP | TAUGHT), tmp_path / "run", tmp_path)
    stages.synthetic_sets(built)
    networks = lambda: sorted(path.name for path in tmp_path.rglob("teacher_*/*.npy"))
    before, epochs_of = networks(), []
    assert [*control_networks.random_images(built, 6)] == ["same_labels"]
    assert len(before) == 1 and networks() == before
    spy = lambda run, epochs: epochs_of.append(epochs) or teacher_of(run, epochs)
    monkeypatch.setattr(control_networks, "teacher_of", spy)
    batches = built.config.train.batch
    control_networks.random_images(built, 4 * batches)
    views = 4 * built.config.train.epochs  # one for each epoch, as on the set
    assert epochs_of == [views]
    assert built.cost.seconds["controls"] > 0


def test_the_teacher_is_no_expert_that_the_set_follows(tmp_path):
    built = build_context(make(BARE | MLP), tmp_path / "run", tmp_path)
    data = built.dataset.train
    rows = np.arange(len(data.labels))
    paths = experts_of(built, data)
    of = lambda teaches: paths(
        jax.random.key(0), rows, Experts((1,), 1, 0.01, plain=False, teaches=teaches)
    )
    assert (of(True) != of(False)).mean() > 0.9


def test_random_images_take_as_many_steps_as_the_tiles_of_a_set(tmp_path, monkeypatch):
    built = build_context(make(BARE | MLP), tmp_path / "run", tmp_path)
    assert control_networks.random_images(built, 6) == {}
    trained = []
    given = stages.train_on_sets
    spy = lambda *of: trained.append((len(of[2].labels[0]), of[3].total)) or given(*of)
    monkeypatch.setattr(stages, "train_on_sets", spy)
    found = control_networks.random_images(built, 4 * built.config.train.batch)
    assert [*found] == ["same_steps"]
    assert trained == [(6, 4 * built.config.train.epochs)]
    assert {path.name for path in tmp_path.rglob("random_*_epochs")} == {
        f"random_{4 * built.config.train.epochs}_epochs"
    }
    stages.networks_on_subsets(built)  # those of the baseline lie elsewhere
    assert trained[1] == (6, built.config.train.epochs)


def test_scores_of_rows_are_computed_in_float32(tmp_path):
    built = build_context(
        make(BARE | MLP | {"precision": "bfloat16"}), tmp_path, tmp_path
    )
    seen = []
    watch = lambda *_: seen.append(precision())
    control_networks.watched_networks(built, built.dataset.train, 1, watch)
    assert seen and set(seen) == {"float32"}


@pytest.mark.parametrize("soft", [pytest.param(False, marks=pytest.mark.slow), True])
def test_networks_without_augmentation_take_the_steps_of_tiles(tmp_path, soft):
    values = {"train.augment": "scale", "train.batch": 6}
    built = build_context(make(BARE | MLP | values), tmp_path / "run", tmp_path)
    sets, _ = stages.synthetic_sets(built)
    labels = np.repeat(sets.labels, 4, 1)
    labels = 0.9 * labels + 0.1 / 3 if soft else labels
    tiles = sets._replace(images=np.repeat(sets.images, 4, 1), labels=labels)
    found = control_networks.unaugmented_networks(built, tiles)
    assert ("same_steps" in found) == (not soft)


@pytest.mark.slow
def test_scores_of_tiles_compare_with_random_images_of_as_many_steps(tmp_path):
    values = {"distill.method": "idc", "train.batch": 6, "distill.steps": 1}
    names = {"audits.controls.names": ("unaugmented",), "train.augment": "scale"}
    on = {"audits.controls.enabled": True}
    found = run.run(make(BARE | MLP | values | names | on), tmp_path)
    part = found["controls"]
    (row,) = part["controls"]
    assert row["name"] == "same_steps"
    ours = found["accuracy"]["distilled"]["mean"], part["unaugmented"]["distilled"]
    assert part["scores"]["ars"] is not None and ours[1]["n"] == 2
    gain = found["accuracy"]["distilled"]["mean"] - row["accuracy"]["mean"]
    assert part["scores"]["ior"] == pytest.approx(gain)
    pipes = {"distilled", "random_subset", "full_data"}
    assert set(part["unaugmented"]) == {*pipes, "same_steps"}


def test_a_set_in_python_is_not_trained_on_with_other_views(root):
    found = distill.load(only_run(root) / "synthetic.npz")
    seen = found.metadata["normalisation"]
    model = models.build("mlp", 3, (8, 8, 1), mean=seen["mean"], std=seen["std"])
    other = models.build("mlp", 3, (8, 8, 1))
    with pytest.raises(InputError, match="normalised in another way"):
        train.train(jax.random.key(0), other, found, augment="scale")
    with pytest.raises(InputError, match="give augment=scale"):
        train.train(jax.random.key(0), model, found, nets=1, epochs=1)
    params = train.train(
        *(jax.random.key(0), model, found), nets=1, epochs=1, augment="scale"
    )
    assert len(jax.tree.leaves(params)[0]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "rded", "mtt"])
def test_selected_images_and_sets_with_experts_are_labelled_too(tmp_path, method):
    experts = {"distill.mtt.experts": 1, "distill.mtt.expert_epochs": 1}
    steps = {"distill.mtt.max_start": 1, "distill.mtt.student_steps": 1}
    values = BARE | MLP | TAUGHT | experts | steps | {"distill.method": method}
    run.run(make(values), tmp_path)
    assert distill.load(only_run(tmp_path) / "synthetic.npz").views.shape == (2, 6, 3)
