"""The data of runs: notes, groups, validation rows, whitening, augmentation."""

import re

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import (
    BARE,
    MLP,
    arrays,
    flags,
    launch,
    make,
    npz,
    only_run,
    saved_networks,
)

from dd_jax import distill, run
from dd_jax.audits import privacy
from dd_jax.report.schema import validate
from dd_jax.system import workdir
from dd_jax.types import InputError


def bare(root, **changes):
    return run.run(make(BARE, **changes), root)


@pytest.mark.slow
def test_what_loading_did_is_printed_and_recorded(tmp_path, capsys):
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
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("data:")] == [
        f"data: {note}" for note in notes
    ]
    found = workdir.read_json(only_run(tmp_path / "w") / "record.json")["run"]
    assert found["data_notes"] == notes and found["class_names"] == ["4", "8", "12"]


def as_changes(values):
    return {key.replace(".", "__"): value for key, value in values.items()}


@pytest.mark.slow
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


@pytest.mark.slow
def test_groups_and_an_odd_number_of_rows(tmp_path):
    """25 rows: each pair of shadows leaves one out, which no score may use."""
    groups = {"group_train": np.arange(25) % 2, "group_test": np.arange(18) % 2}
    source = npz(tmp_path / "groups.npz", **groups)
    whole = {"data__source": source, "data__num_classes": 0}
    audits = {"audits__fairness__enabled": True, "audits__privacy__enabled": True}
    values = make(BARE | MLP, **audits, **whole)
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


@pytest.mark.slow
def test_coloured_and_imbalanced_data_have_fairness_between_colours(tmp_path):
    uneven = {"data__imbalance": "step", "data__imbalance_ratio": 4.0}
    audits = {"audits__fairness__enabled": True, "audits__robustness__enabled": True}
    coloured = {"data__colour": "background", "data__correlation": 0.8}
    values = make(BARE | MLP, **audits, **uneven, **coloured)
    found = validate(run.run(values, tmp_path))
    notes = found["run"]["data_notes"]
    assert len(notes) == 3 and notes[-1] == "groups are colours"
    for pipe, part in found["fairness"].items():
        assert set(part["by_group"]) == {"0", "1", "2"}
        means = [of["mean"] for of in part["by_group"].values()]
        assert part["worst_group"]["mean"] <= part["worst_group"]["of_mean"]
        assert part["worst_group"]["of_mean"] == pytest.approx(min(means))
        references = {"distilled": 2, "random_subset": 1, "full_data": 0}
        assert len(part.get("amplification", ())) == references[pipe]
        clean = found["robustness"][pipe]["worst_case"][0]
        assert set(clean["by_group"]) <= {"0", "1", "2"}
    again = make(BARE | MLP, **audits, **uneven, **coloured, data__groups="clusters:4")
    clustered = run.run(again, tmp_path)
    assert clustered["run"]["id"] != found["run"]["id"]
    words = "groups are 4 clusters of images less the mean of their class"
    assert clustered["run"]["data_notes"][-1] == words
    assert set(clustered["fairness"]["distilled"]["by_group"]) <= set("0123")
    same = lambda record: record["accuracy"]["distilled"]["mean"]
    assert same(clustered) == same(found), "groups change no training"


@pytest.mark.slow
def test_validation_rows_are_evaluated_and_test_rows_never_read(tmp_path):
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


@pytest.mark.slow
def test_zca_lies_beside_a_set_which_is_seen_through_its_own(tmp_path):
    """A loaded set's is fitted on other rows than those it is audited on."""
    one, other = (npz(tmp_path / f"{i}.npz", **arrays(seed=i)) for i in (0, 5))
    base = {**as_changes(MLP), "data__zca": True, "data__num_classes": 0}
    bare(tmp_path / "made", data__source=one, **base)
    made = only_run(tmp_path / "made")
    assert "zca.npz" in distill.load(made / "synthetic.npz").metadata["zca"]
    given = {"data__source": other, "distill__load": str(made / "synthetic.npz")}
    bare(tmp_path / "w", **base, **given)
    again = only_run(tmp_path / "w")
    assert (again / "zca.npz").read_bytes() == (made / "zca.npz").read_bytes()
    bare(tmp_path / "own", **base, data__source=other)
    own = only_run(tmp_path / "own")
    assert (own / "zca.npz").read_bytes() != (made / "zca.npz").read_bytes()

    fitted = dict(np.load(made / "zca.npz"))
    assert fitted["forward"].shape == (64, 64) and fitted["mean"].shape == (64,)
    for harm, words in (
        (lambda f: np.savez(f, mean=fitted["mean"]), "is not a whitening (.npz)"),
        (lambda f: f.write_bytes(b"no"), "is not a whitening (.npz)"),
        (lambda f: f.unlink(), "no whitening at"),
    ):
        harm(made / "zca.npz")
        with pytest.raises(InputError, match=re.escape(words)):
            bare(tmp_path / "w2", **base, **given)
