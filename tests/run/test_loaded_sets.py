"""Sets that leave a run: what others make of them, and runs on loaded ones."""

import shutil

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, TINY, make, only_run, saved_networks

from dd_jax import distill, models, run, train
from dd_jax.data import dsa, load
from dd_jax.distill import export
from dd_jax.run import stages
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import run_loop
from dd_jax.train.many import Schedule, train_on_sets
from dd_jax.types import SyntheticSet

PIPES = {"distilled", "random_subset", "full_data"}
ESTIMATE = {"mean", "ci", "n"}


def test_others_train_the_same_networks_from_the_file(folder, record):
    found = distill.load(folder / "synthetic.npz")
    about = found.metadata
    assert found.images.shape == (6, 8, 8, 1) and found.images.dtype == np.float32
    np.testing.assert_array_equal(found.labels, np.repeat(np.eye(3), 2, 0))
    assert about["clamped"] is False and about["stored_images"] == 6
    assert about["provenance"]["dataset"] == "digits"
    assert "128" in about["architecture_in_words"]
    assert about["training"]["augment_in_words"] == "none"
    assert about["training"]["decay"] == (
        "epochs 0 to 2: lr; epochs 3 to 3: 0.1 lr, momentum from 0 at the first"
    )
    assert about["training"]["batches_in_words"] == (
        "each epoch in a new random order, each image once, 1 steps of 6"
    )
    architecture, recipe = dict(about["architecture"]), about["training"]
    normalisation = {k: tuple(v) for k, v in about["normalisation"].items()}
    model = models.build(
        architecture.pop("name"),
        len(about["class_names"]),
        found.images.shape[1:],
        **normalisation,
        **architecture,
    )
    recipe_of = train.trainer(
        model,
        batch=recipe["batch"],
        momentum=recipe["momentum"],
        weight_decay=recipe["weight_decay"],
        augment=dsa(recipe["augment"], **normalisation).independent,
    )
    assert recipe["cutmix"] == 0
    nets = about["config"]["train"]["nets"]
    keys = stack(named(jax.random.key(about["config"]["seed"]), "nets"), nets)
    sets = SyntheticSet(*(np.stack([a] * nets) for a in found[:3]))
    drive_quietly = lambda *args, **kw: run_loop(*args, label="again", **kw)
    schedule = Schedule(recipe["epochs"], 1)
    params = train_on_sets(recipe_of, keys, sets, schedule, drive_quietly)
    networks = saved_networks(folder)["distilled"]
    jax.tree.map(np.testing.assert_array_equal, params, networks)
    data = load("digits", num_classes=3).test
    rows = train.predictions(model, params, data.images)
    accuracy = (rows == data.labels).mean()
    assert accuracy == pytest.approx(record["accuracy"]["distilled"]["mean"])


@pytest.mark.slow
def test_a_loaded_set_is_audited_without_shadows(folder, record, tmp_path):
    path = tmp_path / "elsewhere.npz"
    shutil.copy(folder / "synthetic.npz", path)
    ignored = {"distill__ipc": 5, "distill__method": "random"}
    values = make(TINY | MLP, distill__load=str(path), **ignored)
    found = run.run(values, tmp_path / "w")
    assert "privacy" not in found and set(found["robustness"]) == PIPES
    made = found["run"]
    assert (made["method"], made["init"], made["ipc"]) == ("dm", "real", 2)
    copied = only_run(tmp_path / "w") / "synthetic.npz"
    assert copied.read_bytes() == path.read_bytes()
    assert not (copied.parent / "scores.npz").exists()
    # the same sets and keys: the same networks, and a random subset of that size
    assert found["accuracy"] == record["accuracy"]


def test_a_set_made_elsewhere_is_trained_on_as_its_converted_form(tmp_path):
    rng = np.random.default_rng(0)
    bytes_, numbers = rng.integers(0, 256, (6, 8, 8, 1), np.uint8), np.arange(6) % 3
    np.savez(tmp_path / "a.npz", images=bytes_.transpose(0, 3, 1, 2), labels=numbers)
    np.savez(
        tmp_path / "b.npz",
        images=bytes_ / np.float32(255),
        labels=np.eye(3)[numbers],
        lr=0.02,
    )
    records = [
        run.run(
            make(BARE | MLP, distill__load=str(tmp_path / name), train__lr=0.02),
            tmp_path,
        )
        for name in ("a.npz", "b.npz")
    ]
    assert records[0]["accuracy"] == records[1]["accuracy"]
    assert records[0]["run"]["data_notes"] == [
        f"{tmp_path / 'a.npz'}: {words}"
        for words in (
            "images had their channels first: moved last",
            "images were bytes: divided by 255",
            "labels were class numbers: made one-hot",
            "no lr: trained on from train.lr of the run",
        )
    ]
    assert "data_notes" not in records[1]["run"]


def test_a_set_cannot_name_itself(tmp_path):
    rng = np.random.default_rng(0)
    about = {"config": {"distill": {"method": "| best |", "init": "<b>"}}}
    pixels, labels = rng.random((6, 8, 8, 1)), np.eye(3)[np.arange(6) % 3]
    one = SyntheticSet(pixels, labels, np.float32(0.01), about)
    distill.save(tmp_path / "set.npz", one)
    values = make(BARE | MLP, distill__load=str(tmp_path / "set.npz"))
    found = run.run(values, tmp_path)["run"]
    assert (found["method"], found["init"]) == ("loaded", None)
    assert found["loaded"] is True


@pytest.mark.parametrize("learned, used", [(False, 0.02), (True, 0.05)])
def test_a_loaded_set_brings_a_learning_rate_only_if_it_learned_one(
    folder, tmp_path, monkeypatch, learned, used
):
    """Otherwise it would train by another `train.lr` than what it is compared with."""
    made, path = distill.load(folder / "synthetic.npz"), tmp_path / "set.npz"
    distill.save(path, made._replace(lr=np.float32(0.05)) if learned else made)
    rates, train_on_sets = [], stages.train_on_sets

    def watch(trainer, keys, sets, *rest):
        rates.append(np.unique(sets.lr).tolist())
        return train_on_sets(trainer, keys, sets, *rest)

    monkeypatch.setattr(stages, "train_on_sets", watch)
    run.run(make(BARE | MLP, distill__load=str(path), train__lr=0.02), tmp_path / "w")
    assert rates == [[np.float32(used)], [np.float32(0.02)]]
    copied = only_run(tmp_path / "w") / "synthetic.npz"
    assert copied.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_sets_of_one_size_share_random_subsets_with_the_run_that_made_one(
    folder, tmp_path
):
    made, found = distill.load(folder / "synthetic.npz"), []
    smaller = made._replace(
        images=made.images[::2],
        labels=made.labels[::2],
        metadata=made.metadata | {"stored_images": 3},
    )
    sets = {"a": made, "b": made._replace(images=made.images + 0.1), "c": smaller}
    for name, one in sets.items():
        distill.save(tmp_path / f"{name}.npz", one)
        path = str(tmp_path / f"{name}.npz")
        found.append(run.run(make(BARE | MLP, distill__load=path), tmp_path / "w"))
    found.append(run.run(make(BARE | MLP), tmp_path / "w"))
    a, b, c, own = (record["accuracy"]["random_subset"] for record in found)
    assert a == b == own != c
    assert len([*(tmp_path / "w/cache").glob("*/random_subset")]) == 2


def test_the_quantized_accuracy_is_that_of_the_exported_folder(
    folder, record, tmp_path
):
    made = distill.load(folder / "synthetic.npz")
    png = export.to_png(tmp_path / "png", made)
    quantized = record["quantization"]
    assert quantized["bits"] == 8 and quantized["clipped"] > 0
    again = run.run(
        make(BARE | MLP, distill__load=str(png), audits__quantization__enabled=True),
        tmp_path / "w",
    )
    stored = again["accuracy"]["distilled"]
    assert {key: stored[key] for key in ESTIMATE} == quantized["accuracy"]
    assert again["quantization"]["accuracy"] == quantized["accuracy"]
    assert again["quantization"]["clipped"] == 0
