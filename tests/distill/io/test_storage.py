"""`synthetic.npz`: round trip, bytes and what is refused."""

import json
import os
import pickle

import hostile
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import load, save
from dd_jax.distill.io import storage
from dd_jax.types import InputError, SyntheticSet

METADATA = {"class_names": ["cat", "dog"], "clamped": False, "mean": [0.5]}
GOOD = {
    "images": np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 2, 2, 1),
    "labels": np.float32([[1, 0], [0.25, 0.75], [0, 1], [0.5, 0.5]]),
    "lr": np.float32(0.01),
    "metadata": np.array("{}"),
}


def synthetic():
    """A set whose pixels leave [0, 1], as its metadata say."""
    images, labels, lr = (jnp.asarray(GOOD[n]) for n in ("images", "labels", "lr"))
    return SyntheticSet(3 * images - 1, labels, lr, METADATA)


def message(path):
    with pytest.raises(InputError) as error:
        load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def written(path, **changes):
    np.savez(path, **(GOOD | changes))
    return path


def test_round_trip(tmp_path):
    path = tmp_path / "synthetic.npz"
    save(path, synthetic())
    got = load(path)
    for name in ("images", "labels", "lr"):
        array = getattr(got, name)
        np.testing.assert_array_equal(array, getattr(synthetic(), name))
        assert array.dtype == np.float32
    assert got.metadata == METADATA
    assert [p.name for p in tmp_path.iterdir()] == ["synthetic.npz"]


def test_labels_of_views_come_back_and_are_checked(tmp_path):
    views = np.stack([GOOD["labels"], GOOD["labels"][::-1]])
    given = SyntheticSet(GOOD["images"], GOOD["labels"], GOOD["lr"], {}, views)
    save(tmp_path / "s.npz", given)
    np.testing.assert_array_equal(load(tmp_path / "s.npz").views, views)
    wrong = written(tmp_path / "shape.npz", views=views[0])
    assert "should be [v m k]" in message(wrong)
    for value in (np.nan, -0.5, 0.3):
        changed = views.copy()
        changed[0, 0] = value
        bad = written(tmp_path / "value.npz", views=changed)
        assert "views should be probabilities" in message(bad)
    text = written(tmp_path / "text.npz", views=np.array(["a"]))
    assert "views are <U1; numbers are needed" in message(text)


def test_classes_that_labels_do_not_say_come_back_and_are_checked(tmp_path):
    classes = np.int32([0, 0, 1, 1])
    given = SyntheticSet(GOOD["images"], GOOD["labels"], GOOD["lr"], {}, None, classes)
    save(tmp_path / "s.npz", given)
    np.testing.assert_array_equal(load(tmp_path / "s.npz").image_classes, classes)
    for wrong in (classes[:3], classes + 1, classes * 1.0, classes - 1):
        bad = written(tmp_path / "value.npz", classes=wrong)
        assert "a whole number from 0 to 1 for each of the 4 images" in message(bad)


def test_a_set_that_lost_the_labels_of_its_views_is_refused(tmp_path):
    about = json.dumps({"training": {"views_in_words": "epoch e ..."}})
    bad = written(tmp_path / "lost.npz", metadata=np.array(about))
    assert "the labels of its views are missing" in message(bad)


def test_a_set_without_metadata_has_an_empty_one(tmp_path):
    inside = synthetic()._replace(images=GOOD["images"], metadata=None)
    save(tmp_path / "s.npz", inside)
    assert load(tmp_path / "s.npz").metadata == {}


def test_same_set_same_bytes(tmp_path):
    save(tmp_path / "a.npz", synthetic())
    turned = dict(reversed(METADATA.items()))
    save(tmp_path / "b.npz", synthetic()._replace(metadata=turned))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "s.npz"
    save(path, synthetic())
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save(path, synthetic()._replace(metadata={"model": object()}))
    assert path.read_bytes() == before


def test_missing_file(tmp_path):
    path = tmp_path / "none.npz"
    assert message(path) == f"no synthetic set at {path}: no such file"


@pytest.mark.parametrize("content", [b"", b"images", pickle.dumps({"images": 1})])
def test_not_an_archive(tmp_path, content):
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    assert message(path).startswith(f"{path} is not a synthetic set (.npz): no archive")


def test_a_bare_array(tmp_path):
    path = tmp_path / "s.npy"
    np.save(path, GOOD["images"])
    assert message(path) == f"{path} is not a synthetic set (.npz): no archive"


def test_a_folder(tmp_path):
    assert message(tmp_path) == (
        f"{tmp_path} is not an exported synthetic set: no labels.csv"
    )


def test_a_cut_off_file(tmp_path):
    path = tmp_path / "s.npz"
    save(path, synthetic())
    path.write_bytes(path.read_bytes()[:-100])
    assert message(path) == f"{path} is not a synthetic set (.npz): no archive"


def test_a_damaged_file(tmp_path):
    path = tmp_path / "s.npz"
    save(path, synthetic())
    content = bytearray(path.read_bytes())
    content[content.index(np.asarray(synthetic().images).tobytes()) + 5] ^= 255
    path.write_bytes(bytes(content))
    assert message(path) == (
        f"{path} is not a synthetic set (.npz): Bad CRC-32 for file 'images.npy'"
    )


def test_missing_arrays(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, images=GOOD["images"], x=GOOD["labels"])
    assert message(path) == f"{path} is not a synthetic set (.npz): it lacks labels"


@pytest.mark.parametrize("name", ["images", "labels", "lr"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(tmp_path, name, value):
    array = np.array(GOOD[name])
    array.flat[-1] = value
    path = written(tmp_path / "s.npz", **{name: array})
    assert message(path) == f"{path}: images, labels or lr hold NaN or infinity"


@pytest.mark.parametrize("row", [[0.5, 0.6], [-0.5, 1.5], [0, 0], [2, 0]])
def test_labels_that_are_not_probabilities(tmp_path, row):
    labels = GOOD["labels"].copy()
    labels[1] = row
    path = written(tmp_path / "s.npz", labels=labels)
    assert message(path).startswith(
        f"{path}: each row of labels should be probabilities; store "
    )


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({"images": GOOD["images"][:, 0, 0]}, "(4, 1), labels (4, 2) and lr ()"),
        ({"images": np.float32(1)}, "(1,), labels (4, 2) and lr ()"),
        ({"labels": np.arange(8)}, "(4, 2, 2, 1), labels (8,) and lr ()"),
        ({"labels": np.eye(2)}, "(4, 2, 2, 1), labels (2, 2) and lr ()"),
        ({"lr": np.ones(3)}, "(4, 2, 2, 1), labels (4, 2) and lr (3,)"),
        (
            {"images": np.zeros((0, 2, 2, 1)), "labels": np.zeros((0, 2))},
            "(0, 2, 2, 1), labels (0, 2) and lr ()",
        ),
    ],
    ids=[
        "rows of pixels",
        "one number",
        "too many labels",
        "too few labels",
        "many rates",
        "no images",
    ],
)
def test_wrong_shapes(tmp_path, changes, shapes):
    path = written(tmp_path / "s.npz", **changes)
    assert message(path) == (
        f"{path}: images {shapes} should be [m h w c], [m k] and a number"
    )


def test_text_in_place_of_numbers(tmp_path):
    path = written(tmp_path / "s.npz", lr=np.array("fast"))
    assert message(path) == f"{path}: lr are <U4; numbers are needed"


def test_objects_in_place_of_numbers_are_not_unpickled(tmp_path):
    path = written(tmp_path / "s.npz", lr=np.array({"lr": 1}, object))
    assert message(path) == (
        f"{path} is not a synthetic set (.npz): "
        "lr.npy: Object arrays cannot be loaded: they could run code"
    )


def test_metadata_that_is_no_json(tmp_path):
    path = written(tmp_path / "s.npz", metadata=np.array("{"))
    assert message(path).startswith(
        f"{path} is not a synthetic set (.npz): metadata should be JSON text (Expecting"
    )


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"class_names": null}', "class_names should be a list of names"),
        ('{"class_names": [0, 1]}', "class_names should be a list of names"),
        ('{"class_names": ["a"]}', "class_names ['a'] should be 2 different names"),
        ('{"class_names": ["a", "a"]}', "should be 2 different names"),
        ('{"stored_images": "4"}', "stored_images is '4'; a number above 0 is needed"),
        ('{"stored_images": null}', "stored_images is None"),
        ('{"config": {"distill": {"method": ["dm"]}}}', "method and init of metadata"),
        ('{"config": {"distill": {"init": NaN}}}', "method and init of metadata"),
        ('{"config": {"distill": {"method": null}}}', "should be names"),
        ("[" * 100_000, "is not a synthetic set (.npz)"),
        ('{"stored_images": 0}', "stored_images is 0"),
        ('{"stored_images": 5}', "is 5, and 4 images are there"),
        ('{"class_names": ["a\\nb", "c"]}', "has 'a\\nb'; names of one line"),
        ('{"class_names": ["a", " "]}', "has ' '; names of one line"),
        ('{"class_names": ["a", "\\u202eb"]}', "has '\\u202eb'; names of one line"),
        ('{"class_names": ["a", "\\ud800"]}', "has '\\ud800'; names of one line"),
        (f'{{"class_names": ["a", "{"b" * 256}"]}}', "names of one line"),
        ('{"class_names": ' + json.dumps([str(i) for i in range(9999)]) + "}", "..."),
        ('{"a": ' * 60 + "1" + "}" * 60, "nested more than 50 times"),
        ("9" * 5000, "is not a synthetic set (.npz)"),
    ],
)
def test_metadata_that_no_set_has(tmp_path, text, words):
    path = written(tmp_path / "s.npz", metadata=np.array(text))
    assert words in message(path) and str(path) in message(path)


def test_a_step_size_that_no_float_holds_is_its_own(tmp_path):
    text = '{"config": {"train": {"lr": 1' + 400 * "0" + "}}}"
    path = written(tmp_path / "s.npz", metadata=np.array(text))
    assert storage.has_learned_lr(load(path))


@pytest.mark.parametrize("text", ["[1, 2]", '{"config": {"train": 0.1}}'])
def test_metadata_that_is_no_json_object(tmp_path, text):
    path = written(tmp_path / "s.npz", metadata=np.array(text))
    assert (
        message(path)
        == f"{path}: metadata, its config, distill and train should be JSON objects"
    )


def test_numbers_that_json_does_not_have_become_nothing(tmp_path):
    text = '{"a": NaN, "b": [Infinity, -Infinity]}'
    path = written(tmp_path / "s.npz", metadata=np.array(text))
    assert load(path).metadata == {"a": None, "b": [None, None]}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "s.npz")
    assert "is a pipe" in message(tmp_path / "s.npz")


def test_hostile_archives(tmp_path):
    path = tmp_path / "s.npz"
    for content in hostile.listed(GOOD).values():
        path.write_bytes(content)
        assert str(path) in message(path)


def test_random_damage(tmp_path):
    path, seen = tmp_path / "s.npz", 0
    for content in hostile.damaged(hostile.whole(GOOD), seed=1, count=200):
        path.write_bytes(content)
        try:
            found = load(path)
        except InputError as error:
            assert "\n" not in str(error)
            seen += 1
        else:  # the damage is where nothing is read, or lr or metadata are out of sight
            for name in ("images", "labels"):
                np.testing.assert_array_equal(getattr(found, name), GOOD[name])
            assert found.lr == GOOD["lr"]
    assert seen > 100
