"""One run from end to end: what it writes, what it says, what it never does twice."""

import json
import re
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from PIL import Image
from tiny import BARE, MLP, TINY, arrays, flags, launch, make, npz, only_run, snapshot
from tiny import quick_compiles as quick_compiles

from dd_jax import catalogue, config, distill, models, run, train
from dd_jax.audits import privacy
from dd_jax.data import dsa, load, membership_masks
from dd_jax.distill import export
from dd_jax.distill.io import png_folder
from dd_jax.report import records
from dd_jax.run import cached as stages
from dd_jax.run import stages as compose
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import integer, named, stack
from dd_jax.runtime.loop import drive
from dd_jax.system import disk, workdir
from dd_jax.train.many import Schedule, train_on_sets
from dd_jax.types import InputError, SyntheticSet

PIPES = {"distilled", "random_subset", "full_data"}
ESTIMATE = {"mean", "ci", "n"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The work directory of one finished run with every audit."""
    root = tmp_path_factory.mktemp("run") / "new" / "folder"
    assert launch(*flags(TINY), f"--workdir={root}") == 0
    return root


@pytest.fixture(scope="module")
def folder(root):
    return only_run(root)


@pytest.fixture(scope="module")
def record(folder):
    return workdir.read_json(folder / "record.json")


def test_writes_every_file(root, folder):
    assert {path.name for path in root.iterdir()} == {
        "report.html",
        "results.jsonl",
        "runs",
        "cache",
    }
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "status.json",
        "metrics.jsonl",
        "synthetic.npz",
        "model",
        "scores.npz",
        "scores_random_subset_t2.npz",
        "scores_full_data_t2.npz",
        "curves.json",
        "images.png",
        "record.json",
    }
    found = workdir.read_status(folder)
    assert (found["status"], found["error"]) == ("done", None)
    others = {path.name for path in folder.iterdir()} - {"status.json", "record.json"}
    assert set(found["files"]) == others
    assert found["record_sha256"] == disk.digest(folder / "record.json")
    assert workdir.read_json(folder / "config.json") == json.loads(make(TINY).to_json())
    rows = workdir.read_jsonl(folder / "metrics.jsonl")
    assert [row["step"] for row in rows] == [2, 4]
    assert (folder / "images.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (root / "report.html").read_text()


def test_the_run_is_named_after_its_config_and_data(folder, record):
    values = make(TINY)
    data = load("digits", num_classes=3)
    seen = f"{data.checksum} {data.mean} {data.std}"
    assert folder.name == run.run_id(values) == config.run_id(values, seen)
    assert record["run"]["id"] == folder.name


def test_results_hold_the_record(root, record):
    lines = (root / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [record]
    assert records.validate(record) == record


def test_record_identifies_the_run(record):
    found = record["run"]
    expected = {
        "seed": 0,
        "method": "dm",
        "dataset": "digits",
        "arch": "convnet",
        "width": 4,
        "ipc": 2,
        "init": "real",
        "num_classes": 3,
        "sets": 1,
        "nets": 2,
        "split": "test",
        "upsampled": False,
        "class_names": ["0", "1", "2"],
    }
    assert {key: found[key] for key in expected} == expected
    assert found["ratio"] == pytest.approx(6 / 430)
    assert {"commit", "dirty", "device"} <= set(found)
    assert found["versions"]["jax"] == jax.__version__


def test_record_has_accuracy_and_fairness_of_each_pipeline(record):
    assert set(record["accuracy"]) == set(record["fairness"]) == PIPES
    for pipe, part in record["accuracy"].items():
        assert set(part) == ESTIMATE | {"per_class"} and len(part["per_class"]) == 3
        assert part["n"] == (1 if pipe == "full_data" else 2)
    for pipe, part in record["fairness"].items():
        keys = {"class_gap", "worst_class", "class_std", "cvar"}
        drop = set() if pipe == "full_data" else {"induced_drop"}
        assert set(part) == keys | drop
        assert all(ESTIMATE <= set(part[key]) for key in keys)
        assert part["worst_class"]["of_mean"] == pytest.approx(
            min(record["accuracy"][pipe]["per_class"])
        )


def test_record_has_robustness_curves(record):
    assert set(record["robustness"]) == PIPES
    for part in record["robustness"].values():
        assert set(part["attacks"]) == {"fgsm", "pgd_l2"}
        assert part["checks"]["in_ball_and_box"] is True
        for name, norm, radius in [("fgsm", "linf", 0.1), ("pgd_l2", "l2", 0.5)]:
            rows = part["attacks"][name]
            assert [row["norm"] for row in rows] == [norm, norm]
            assert [row["eps"] for row in rows] == pytest.approx([0, radius])
            assert rows[0]["accuracy"]["mean"] == part["clean"]["mean"]


def test_record_has_privacy_of_each_pipeline(record):
    assert set(record["privacy"]) == PIPES
    for part in record["privacy"].values():
        assert set(part) == {"t2"} and set(part["t2"]) == {
            "lira_online",
            "rmia",
            "loss",
        }
        for figures in part["t2"].values():
            assert {"auc", "balanced_accuracy", "ppv", "smallest_fpr"} <= set(figures)
            assert set(figures["tpr_at_fpr"]) == {"0.1", "0.01", "0.001", "0.0001"}
            assert set(figures["ppv"]) == {"0.01", "0.1", "0.5"}
            for level in figures["tpr_at_fpr"].values():
                assert set(level) == ESTIMATE | {"achieved_fpr", "resolved"}
                assert (level["mean"] is None) == (not level["resolved"])


def test_record_has_costs_and_artifacts(folder, record):
    cost = record["cost"]
    assert {"steps_per_second", "compile_seconds", "peak_bytes"} <= set(cost)
    for stage in (
        "distill",
        "train",
        "export",
        "random_subset",
        "full_data",
        "shadow_distill",
        "shadows",
    ):
        assert cost[f"{stage}_seconds"] > 0
    assert set(record["artifacts"]) == {
        "synthetic",
        "scores",
        "scores_random_subset_t2",
        "scores_full_data_t2",
        "curves",
        "images",
        "metrics",
    }
    assert all((folder / name).is_file() for name in record["artifacts"].values())


def test_curves_fit_a_plot(folder):
    curves = workdir.read_json(folder / "curves.json")
    assert [step for step, _ in curves["distil"]] == [2, 4]
    for pipe in PIPES:
        for points in curves["roc"][pipe]["t2"].values():
            assert 2 <= len(points) <= 200
            assert points == sorted(points) and points[-1] == [1, 1]


def test_membership_figures_recompute_from_the_score_file(folder, record, tmp_path):
    found = privacy.load_scores(folder / "scores.npz")
    data = load("digits", num_classes=3).train
    assert found.threat == "t2" and found.logits.shape[0] == 4
    np.testing.assert_array_equal(found.labels, data.labels[found.index])
    seed = integer(named(jax.random.key(0), "masks"))
    masks = membership_masks(seed, data.labels, 2, at_least=2)
    np.testing.assert_array_equal(found.member, masks[:, found.index])
    again = privacy.evaluate_membership(
        found.logits,
        found.labels,
        found.member,
        scores=("lira_online", "rmia", "loss"),
        seed=int(found.seed),
        slices={"by_class": found.labels},
    )
    workdir.write_json(tmp_path / "again.json", again.record)
    stored = record["privacy"]["distilled"]["t2"]
    assert workdir.read_json(tmp_path / "again.json") == stored


def test_a_stranger_trains_the_same_networks_from_the_file(folder, record):
    found = distill.load(folder / "synthetic.npz")
    about = found.metadata
    assert found.images.shape == (6, 8, 8, 1) and found.images.dtype == np.float32
    np.testing.assert_array_equal(found.labels, np.repeat(np.eye(3), 2, 0))
    assert about["clamped"] is False and about["stored_images"] == 6
    assert about["provenance"]["dataset"] == "digits"
    assert "pads 1-channel images by 3" in about["architecture_in_words"]
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
    drive_quietly = lambda *args, **kw: drive(*args, label="again", **kw)
    schedule = Schedule(recipe["epochs"], 1)
    params, _ = train_on_sets(recipe_of, keys, sets, schedule, drive_quietly)
    networks = saved_networks(folder)["distilled"]
    jax.tree.map(np.testing.assert_array_equal, params, networks)
    data = load("digits", num_classes=3).test
    rows = train.predictions(model, params, data.images)
    accuracy = (rows == data.labels).mean()
    assert accuracy == pytest.approx(record["accuracy"]["distilled"]["mean"])


def saved_networks(folder):
    """Parameters of the networks of each pipeline, read as a stranger would."""
    return ocp.StandardCheckpointer().restore(folder.absolute() / "model/0/default")[1]


def refuse(*args, **kw):
    raise AssertionError("computed again")


@pytest.mark.slow
def test_what_loading_did_is_told_and_recorded(tmp_path, capsys):
    """From labels 1 to 3 with a transparent corner: on white, in the Record, once."""
    pixels = arrays(counts=(10, 10, 10))
    for image, label in zip(pixels["x_train"], pixels["y_train"] + 1):
        place = tmp_path / "images" / f"{label * 4}"
        place.mkdir(parents=True, exist_ok=True)
        alpha = np.full((8, 8), 255, np.uint8)
        alpha[0, 0] = 0
        file = place / f"{len(list(place.iterdir()))}.webp"
        Image.fromarray(np.stack([image] * 3 + [alpha], -1)).save(file, lossless=True)
    (tmp_path / "images" / "8" / "notes.txt").write_text("x")
    values = BARE | MLP | {"data.source": f"folder:{tmp_path}/images"}
    assert launch(*flags(values), f"--workdir={tmp_path}/w") == 2
    assert "has transparent pixels; set data.background to" in capsys.readouterr().err
    values |= {"data.background": "white"}
    assert launch(*flags(values), f"--workdir={tmp_path}/w") == 0
    notes = [
        "left out 1 .txt: no images that Pillow reads",
        "laid on white, which shows through transparent pixels: 30 of 30 images",
    ]
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.startswith("data:")] == [
        f"data: {note}" for note in notes
    ]
    found = workdir.read_json(only_run(tmp_path / "w") / "record.json")["run"]
    assert found["data_notes"] == notes and found["class_names"] == ["4", "8", "12"]


def test_a_finished_run_is_not_run_again(root, folder, monkeypatch, capsys):
    before = snapshot(folder.parent)
    monkeypatch.setattr(stages, "drive", refuse)
    monkeypatch.setattr(run, "predictions", refuse)
    assert launch(*flags(TINY), f"--workdir={root}") == 0
    assert "already done" in capsys.readouterr().out
    assert snapshot(folder.parent) == before


def test_keys_that_change_no_result_find_the_same_run(root, folder, monkeypatch):
    monkeypatch.setattr(stages, "drive", refuse)
    same = make(TINY, checkpoint_seconds=0.0, distill__steps_per_call=1)
    assert run.run(same, root)["run"]["id"] == folder.name


def test_a_loaded_set_is_audited_without_shadows(folder, record, tmp_path):
    path = tmp_path / "elsewhere.npz"
    shutil.copy(folder / "synthetic.npz", path)
    ignored = {"distill__ipc": 5, "distill__method": "random"}
    values = make(TINY, distill__load=str(path), **ignored)
    found = run.run(values, tmp_path / "w")
    assert "privacy" not in found and set(found["robustness"]) == PIPES
    made = found["run"]
    assert (made["method"], made["init"], made["ipc"]) == ("dm", "real", 2)
    copied = only_run(tmp_path / "w") / "synthetic.npz"
    assert copied.read_bytes() == path.read_bytes()
    assert not (copied.parent / "scores.npz").exists()
    # the same sets and keys: the same networks, and a random subset of that size
    assert found["accuracy"] == record["accuracy"]


def test_a_set_made_elsewhere_is_trained_on_as_its_converted_twin(tmp_path):
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
            make(BARE, distill__load=str(tmp_path / name), train__lr=0.02), tmp_path
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
    values = make(BARE, distill__load=str(tmp_path / "set.npz"))
    found = run.run(values, tmp_path)["run"]
    assert (found["method"], found["init"]) == ("loaded", None)


@pytest.mark.parametrize("learned, used", [(False, 0.02), (True, 0.05)])
def test_a_loaded_set_brings_a_step_size_only_if_it_learned_one(
    folder, tmp_path, monkeypatch, learned, used
):
    """Otherwise it would train by another `train.lr` than what it is compared with."""
    made, path = distill.load(folder / "synthetic.npz"), tmp_path / "set.npz"
    distill.save(path, made._replace(lr=np.float32(0.05)) if learned else made)
    rates, train_on_sets = [], compose.train_on_sets

    def watch(trainer, keys, sets, *rest):
        rates.append(np.unique(sets.lr).tolist())
        return train_on_sets(trainer, keys, sets, *rest)

    monkeypatch.setattr(compose, "train_on_sets", watch)
    run.run(make(BARE, distill__load=str(path), train__lr=0.02), tmp_path / "w")
    assert rates == [[np.float32(used)], [np.float32(0.02)]]
    copied = only_run(tmp_path / "w") / "synthetic.npz"
    assert copied.read_bytes() == path.read_bytes()


def test_the_accuracy_after_export_is_that_of_the_exported_folder(
    folder, record, tmp_path
):
    made = distill.load(folder / "synthetic.npz")
    png = export.to_png(tmp_path / "png", made)
    of_export = record["export"]
    assert of_export["bits"] == 8 and of_export["clipped"] > 0
    again = run.run(
        make(BARE, distill__load=str(png), audits__quantization__enabled=True),
        tmp_path / "w",
    )
    stored = again["accuracy"]["distilled"]
    assert {key: stored[key] for key in ESTIMATE} == of_export["accuracy"]
    assert again["export"]["accuracy"] == of_export["accuracy"]
    assert again["export"]["clipped"] == 0


def bare(root, **changes):
    return run.run(make(BARE, **changes), root)


@pytest.mark.parametrize("method, trainings", [("dm", 2), ("random", 1)])
def test_networks_after_export_learn_from_its_bytes(
    tmp_path, monkeypatch, method, trainings
):
    """Real images are bytes already, and need no second training."""
    seen, networks_on_sets = [], compose.networks_on_sets

    def watch(parts, sets, *stage):
        seen.append(np.asarray(sets.images))
        return networks_on_sets(parts, sets, *stage)

    monkeypatch.setattr(compose, "networks_on_sets", watch)
    changes = {"distill__method": method, "audits__quantization__enabled": True}
    found = bare(tmp_path, **changes)
    assert len(seen) == trainings and set(found["export"]["accuracy"]) == ESTIMATE
    bytes_ = png_folder.quantise(seen[0]) / np.float32(255)
    np.testing.assert_array_equal(seen[-1], bytes_)


def test_several_sets_give_an_estimate_over_sets(tmp_path):
    found = bare(tmp_path, sets=2)
    assert found["run"]["sets"] == 2 and found["run"]["nets"] == 2
    assert found["accuracy"]["distilled"]["n"] == 2
    folder = only_run(tmp_path)
    sets = [distill.load(folder / f"synthetic{i}.npz") for i in ("", "_1")]
    assert not np.array_equal(sets[0].images, sets[1].images)
    networks = saved_networks(folder)["distilled"]
    assert all(len(leaf) == 4 for leaf in jax.tree.leaves(networks))


def test_audits_that_are_off_leave_their_parts_out(tmp_path):
    found = bare(tmp_path)
    assert set(found) == {"run", "accuracy", "cost", "artifacts"}
    assert not (only_run(tmp_path) / "scores.npz").exists()
    assert "roc" not in workdir.read_json(only_run(tmp_path) / "curves.json")


def test_same_seed_same_bits_other_seed_other_bits(tmp_path):
    found = [bare(tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1))]
    files = [
        (only_run(tmp_path / str(i)) / "synthetic.npz").read_bytes() for i in range(3)
    ]
    assert files[0] == files[1] != files[2]
    assert found[0]["accuracy"] == found[1]["accuracy"] != found[2]["accuracy"]


@pytest.mark.parametrize("method", catalogue.names("method"))
def test_every_method_runs(tmp_path, method):
    found = bare(tmp_path, distill__method=method)
    assert found["run"]["method"] == method
    images = distill.load(only_run(tmp_path) / "synthetic.npz").images
    real = load("digits", num_classes=3).train.images / np.float32(255)
    is_real = [(image == real).all((1, 2, 3)).any() for image in images]
    assert (
        all(is_real)
        if catalogue.entry("method", method).traits.get("selects")
        else not any(is_real)
    )


@pytest.mark.parametrize("init", catalogue.names("init"))
def test_every_init_runs(tmp_path, init):
    found = bare(tmp_path, distill__init=init)
    assert found["run"]["init"] == init
    images = distill.load(only_run(tmp_path) / "synthetic.npz").images
    assert np.isfinite(images).all()
    assert (images.min() < -0.2) == (init == "noise")


def as_changes(values):
    return {key.replace(".", "__"): value for key, value in values.items()}


def test_batch_norm_and_augmentation_run(tmp_path):
    changes = {"model__norm": "batch", "distill__augment": "flip_scale"}
    found = bare(tmp_path, train__augment="flip", model__depth=1, **changes)
    networks = saved_networks(only_run(tmp_path))["distilled"]
    means = [
        leaf
        for path, leaf in jax.tree.leaves_with_path(networks)
        if "batch_stats" in jax.tree_util.keystr(path) and "mean" in str(path[-1])
    ]
    assert len(means) == 1 and np.abs(means[0]).max() > 0
    assert found["accuracy"]["full_data"]["mean"] > 0.4


def test_groups_and_an_odd_number_of_rows(tmp_path):
    """25 rows: each pair of shadows leaves one out, which no score may use."""
    groups = {"group_train": np.arange(25) % 2, "group_test": np.arange(18) % 2}
    source = npz(tmp_path / "groups.npz", **groups)
    whole = {"data__source": source, "data__num_classes": 0}
    values = make(TINY | MLP, audits__robustness__enabled=False, **whole)
    found = run.run(values, tmp_path / "w")
    for part in found["fairness"].values():
        assert {"deo_max", "deo_mean"} <= set(part)
        assert 0 <= part["deo_mean"]["mean"] <= part["deo_max"]["mean"] <= 1
    scores = privacy.load_scores(only_run(tmp_path / "w") / "scores.npz")
    assert 23 <= len(scores.index) <= 24
    np.testing.assert_array_equal(scores.member[::2], ~scores.member[1::2])
    np.testing.assert_array_equal(scores.group, groups["group_train"][scores.index])
    np.testing.assert_array_equal(
        scores.labels, np.repeat([0, 1, 2], (8, 8, 9))[scores.index]
    )


def test_validation_rows_are_judged_and_test_rows_never_read(tmp_path):
    other = arrays((8, 8, 8), test_seed=9)
    other["x_test"] = 255 - other["x_test"]
    found = []
    for i, changes in enumerate((arrays((8, 8, 8)), other)):
        source = npz(tmp_path / f"{i}.npz", **changes)
        changes = {"data__source": source, "data__num_classes": 0, **as_changes(MLP)}
        found.append(bare(tmp_path / "w", data__validation=0.25, **changes))
    assert found[0]["run"]["id"] != found[1]["run"]["id"]
    assert found[0]["accuracy"] == found[1]["accuracy"]
    assert {record["run"]["split"] for record in found} == {"validation"}
    # 2 of 8 rows of each class are held out
    assert found[0]["run"]["ratio"] == pytest.approx(6 / 18)
    for share in found[0]["accuracy"]["distilled"]["per_class"]:
        assert (4 * share) == pytest.approx(round(4 * share))


def test_zca_is_inside_the_network_and_beside_the_set(tmp_path):
    assert launch(*flags(BARE, data__zca=True), f"--workdir={tmp_path}") == 0
    folder = only_run(tmp_path)
    found = distill.load(folder / "synthetic.npz")
    assert "zca.npz" in found.metadata["zca"]
    with np.load(folder / "zca.npz") as fitted:
        assert fitted["forward"].shape == (64, 64) and fitted["mean"].shape == (64,)


def test_a_loaded_set_is_seen_through_its_own_zca(tmp_path):
    """Fitted on other rows than those it is audited on."""
    first = {**as_changes(MLP), "data__zca": True}
    bare(tmp_path / "made", data__rows=60, **first)
    made = only_run(tmp_path / "made")
    given = {**first, "data__rows": 90, "distill__load": str(made / "synthetic.npz")}
    bare(tmp_path / "w", **given)
    again = only_run(tmp_path / "w")
    assert (again / "zca.npz").read_bytes() == (made / "zca.npz").read_bytes()
    bare(tmp_path / "own", **{**first, "data__rows": 90})
    own = only_run(tmp_path / "own")
    assert (own / "zca.npz").read_bytes() != (made / "zca.npz").read_bytes()

    fitted = dict(np.load(made / "zca.npz"))
    for harm, words in (
        (lambda f: np.savez(f, mean=fitted["mean"]), "is not a whitening (.npz)"),
        (lambda f: f.write_bytes(b"no"), "is not a whitening (.npz)"),
        (lambda f: f.unlink(), "no whitening at"),
    ):
        harm(made / "zca.npz")
        with pytest.raises(InputError, match=re.escape(words)):
            bare(tmp_path / "w2", **given)


def test_looks_on_the_way_change_nothing_of_the_set(tmp_path):
    sets = {}
    for looks in (0, 2):
        root = tmp_path / str(looks)
        assert (
            launch(
                *flags(BARE, audits__learning_curve__eval_steps=looks),
                f"--workdir={root}",
            )
            == 0
        )
        folder = only_run(root)
        sets[looks] = distill.load(folder / "synthetic.npz")
    np.testing.assert_array_equal(sets[0].images, sets[2].images)
    record = workdir.read_json(folder / "record.json")
    rows = record["learning"]
    assert record["cost"]["distill_seconds"] == rows[-1]["seconds"]
    assert [row["step"] for row in rows] == [1, 2, 4]
    assert rows[0]["seconds"] < rows[1]["seconds"] < rows[2]["seconds"]
    assert all(set(row["accuracy"]) == ESTIMATE for row in rows)


MTT = {
    "distill__method": "mtt",
    "distill__mtt__experts": 2,
    "distill__mtt__student_steps": 2,
    "distill__mtt__expert_epochs": 1,
    "distill__mtt__max_start": 2,
}


def expert_files(root):
    return sorted((root / "cache").rglob("*.npy"))


def test_experts_are_trained_and_counted_once(tmp_path, monkeypatch):
    """By looks on the way, by all sets of a run and by runs with other windows."""
    counted, count = [], Cost.count

    def watch(cost, stage, part, seconds):
        if stage == "experts":
            counted.append((part, seconds))
        count(cost, stage, part, seconds)

    monkeypatch.setattr(Cost, "count", watch)
    kept = MTT | {"distill__mtt__kept_epochs": 4}
    found = bare(tmp_path, **kept, audits__learning_curve__eval_steps=1, sets=2)
    assert len(expert_files(tmp_path)) == 1
    assert len({part for part, _ in counted}) == 2 < len(counted)
    assert found["cost"]["experts_seconds"] == sum(dict(counted).values())
    bare(tmp_path, **kept | {"distill__mtt__max_start": 4})
    (file,) = expert_files(tmp_path)
    assert np.load(file, mmap_mode="r").shape[:2] == (2, 5)


def test_epochs_that_are_kept_for_others_change_nothing(tmp_path):
    window = {"distill__mtt__min_start": 1, "distill__mtt__expert_epochs": 2}
    ids, contents = set(), set()
    for kept in (0, 5):
        root = tmp_path / str(kept)
        changes = MTT | window | {"distill__mtt__kept_epochs": kept}
        ids.add(bare(root, **changes)["run"]["id"])
        contents.add((only_run(root) / "synthetic.npz").read_bytes())
    assert len(ids) == len(contents) == 1
    shapes = [
        np.load(file, mmap_mode="r").shape[1]
        for kept in "05"
        for file in expert_files(tmp_path / kept)
    ]
    assert shapes == [2, 6]
