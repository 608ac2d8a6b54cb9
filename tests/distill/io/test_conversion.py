"""Sets made elsewhere: the right pixels and labels, or one line with what to do."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.distill import export, load, save
from dd_jax.distill.io.conversion import NO_RATE, converted
from dd_jax.distill.io.storage import has_learned_lr
from dd_jax.types import InputError, SyntheticSet

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 8, 7, 3)).astype(np.uint8)
UNIT = BYTES / np.float32(255)
NUMBERS = np.array([0, 1, 2, 0, 1, 2])
ONE_HOT = np.eye(3, dtype=np.float32)[NUMBERS]
OURS = {"config": {"train": {"lr": 0.01}}, "clamped": False}


def stored(path, images=UNIT, labels=ONE_HOT, lr=0.01, metadata=None):
    arrays = {"images": images, "labels": labels, "lr": lr}
    if metadata is not None:
        arrays["metadata"] = json.dumps(metadata)
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})
    return path


def message(path):
    with pytest.raises(InputError) as error:
        load(path)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("images", [UNIT, np.float64(UNIT), UNIT[..., :1]])
def test_what_is_ours_already(tmp_path, images):
    found = load(stored(tmp_path / "s.npz", images))
    np.testing.assert_array_equal(found.images, np.float32(images))
    assert found.metadata == {} and converted(found) == []
    assert found.images.dtype == found.labels.dtype == found.lr.dtype == np.float32


@pytest.mark.parametrize("metadata", [None, OURS, OURS | {"clamped": True}])
@pytest.mark.parametrize("kind", ["u1", "i4", "i8", "f4", "f8", ">f4"])
def test_bytes(tmp_path, kind, metadata):
    path = stored(tmp_path / "s.npz", BYTES.astype(kind), metadata=metadata)
    found = load(path)
    np.testing.assert_array_equal(found.images, UNIT)
    assert converted(found) == ["images were bytes: divided by 255"]
    assert found.metadata["converted"] == converted(found)


@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_channels_first(tmp_path, kind):
    images = (BYTES if kind == "u1" else UNIT).transpose(0, 3, 1, 2)
    found = load(stored(tmp_path / "s.npz", images))
    np.testing.assert_array_equal(found.images, UNIT)
    assert "images had their channels first: moved last" in converted(found)
    grey = load(stored(tmp_path / "g.npz", images[:, :1]))
    np.testing.assert_array_equal(grey.images, UNIT[..., :1])


def test_no_channels_but_images(tmp_path):
    found = load(stored(tmp_path / "s.npz", UNIT[..., 0]))
    np.testing.assert_array_equal(found.images, UNIT[..., :1])
    assert converted(found) == ["images had no axis of channels: one added"]


@pytest.mark.parametrize("shape", [(6, 13, 8, 9), (6, 8, 9, 13), (6, 3, 3, 3)])
def test_other_channels_stay_where_they_are(tmp_path, shape):
    images = RNG.random(shape).astype(np.float32)
    np.testing.assert_array_equal(
        load(stored(tmp_path / "s.npz", images)).images, images
    )


def test_true_and_false(tmp_path):
    found = load(stored(tmp_path / "s.npz", BYTES > 99))
    np.testing.assert_array_equal(found.images, np.float32(BYTES > 99))


@pytest.mark.parametrize(
    "images, words",
    [
        (
            2 * UNIT - 1,
            "float32 from -1 to 1, and pixels in [0, 1] are needed; store",
        ),
        ((UNIT - 0.5) / 0.25, "store x * std + mean if they are normalised, or give"),
        (UNIT * 254.7, "divide them by 255 if they are bytes"),
        (UNIT - 0.05, "or give metadata.clamped=false"),
        (UNIT * 1.05, "or give metadata.clamped=false"),
        ((BYTES > 99).astype(np.uint8), "store black and white as float32 0 and 1"),
        (np.round(2 * UNIT), "divide them by 255 if they are bytes"),
        (BYTES.astype(int) % 5, "divide them by 255 if they are bytes"),
        (BYTES[:, :0], "should be [m h w c], [m k] and a number"),
        (BYTES.astype(int) - 128, "images are int64 from -128 to 127"),
        (BYTES.astype(int) * 256, "images are int64 from 0 to 65280"),
        (UNIT * 1j, "images are complex64; numbers are needed"),
        (BYTES.astype(str), "images are <U3; numbers are needed"),
    ],
)
def test_ranges_that_could_be_several(tmp_path, images, words):
    path = tmp_path / "s.npz"
    assert words in message(stored(path, images))
    assert words in message(stored(path, images, metadata=OURS | {"clamped": True}))


def test_a_set_that_says_that_it_leaves_the_range(tmp_path):
    for metadata in (OURS, {"clamped": False}, {"config": OURS["config"]}):
        path = stored(tmp_path / "s.npz", 1.4 * UNIT - 0.2, metadata=metadata)
        np.testing.assert_array_equal(load(path).images, np.float32(1.4 * UNIT - 0.2))
    # resized bytes are no learned image, whatever is said
    path = stored(tmp_path / "s.npz", UNIT * 254.7, metadata=OURS)
    assert "divide them by 255" in message(path)


@settings(max_examples=50, deadline=None)
@given(st.floats(-3, 3), st.floats(0.01, 300), st.booleans())
def test_pixels_are_right_or_refused(tmp_path_factory, low, width, whole):
    images = low + width * UNIT
    images = np.round(images) if whole else images
    path = stored(tmp_path_factory.mktemp("any") / "s.npz", images)
    try:
        found = load(path).images
    except InputError:
        assert images.min() < 0 or images.max() > 1
    else:
        right = images / np.float32(255) if images.max() > 1.5 else images
        np.testing.assert_allclose(found, right, rtol=1e-6)
        assert found.min() >= -1e-6 and found.max() <= 1 + 1e-6


@pytest.mark.parametrize("kind", ["u1", "i8", "f4"])
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("metadata", [None, {"class_names": ["a", "b", "c"]}])
def test_class_numbers(tmp_path, kind, shape, metadata):
    labels = NUMBERS.astype(kind).reshape(shape)
    found = load(stored(tmp_path / "s.npz", labels=labels, metadata=metadata))
    np.testing.assert_array_equal(found.labels, ONE_HOT)
    assert converted(found) == ["labels were class numbers: made one-hot"]


def test_class_numbers_of_named_classes_need_not_be_all(tmp_path):
    said = {"class_names": ["a", "b", "c", "d"]}
    path = stored(tmp_path / "s.npz", labels=NUMBERS, metadata=said)
    np.testing.assert_array_equal(load(path).labels, np.eye(4)[NUMBERS])


@pytest.mark.parametrize(
    "labels, words",
    [
        (NUMBERS + 1, "class numbers from 1 to 3; all of 0, 1, ... 2 are needed"),
        (2 * NUMBERS, "class numbers from 0 to 4"),
        (-NUMBERS, "class numbers from -2 to 0"),
        (0 * NUMBERS, "class numbers from 0 to 0"),
        (NUMBERS + 0.5, "one number of type float64 a label"),
        (5 * ONE_HOT - 2, "store their softmax if they are logits"),
        (3 * ONE_HOT + 1, "store labels / labels.sum(1, keepdims=True)"),
        (np.log(0.9 * ONE_HOT + 0.1 / 3), "store exp(labels)"),
        (100 * ONE_HOT, "store labels / labels.sum(1, keepdims=True)"),
    ],
)
def test_labels_that_could_be_several(tmp_path, labels, words):
    assert words in message(stored(tmp_path / "s.npz", labels=labels))


def test_no_step_size(tmp_path):
    found = load(stored(tmp_path / "s.npz", lr=None))
    assert converted(found) == [NO_RATE] and not has_learned_lr(found)
    save(tmp_path / "again.npz", found)
    again = load(tmp_path / "again.npz")
    assert converted(again) == [NO_RATE] and not has_learned_lr(again)
    assert has_learned_lr(load(stored(tmp_path / "s.npz", lr=np.float32([0.01]))))


def test_what_was_done_is_not_what_the_set_says(tmp_path):
    for lie in ("<b>", ["<b>", {"a": 1}], {"images": "x"}, 3):
        path = stored(tmp_path / "s.npz", metadata={"converted": lie})
        assert load(path).metadata == {}


@pytest.mark.parametrize(
    "content, words",
    [
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a pickle, which could run code"),
        (b"PK\x03\x04", "no archive"),
    ],
)
def test_files_of_torch(tmp_path, content, words):
    path = tmp_path / "set.pt"
    path.write_bytes(content)
    assert words in message(path)


def exported(folder, **about):
    made = SyntheticSet(UNIT, ONE_HOT, np.float32(0.02), {"class_names": list("abc")})
    return export.to_png(folder, made)


def test_a_folder_with_class_numbers(tmp_path):
    folder = exported(tmp_path / "out")
    with (folder / "labels.csv").open(newline="") as source:
        rows = [row[:2] for row in csv.reader(source)]
    with (folder / "labels.csv").open("w", newline="") as target:
        csv.writer(target).writerows(rows)
    found = load(folder)
    np.testing.assert_array_equal(found.labels, ONE_HOT)
    np.testing.assert_allclose(found.images, UNIT, atol=1e-6)
    assert converted(found) == ["labels were class numbers: made one-hot"]


def test_a_folder_without_a_step_size(tmp_path):
    folder = exported(tmp_path / "out")
    about = json.loads((folder / "metadata.json").read_text())
    del about["lr"]
    (folder / "metadata.json").write_text(json.dumps(about))
    found = load(folder)
    assert converted(found) == [NO_RATE] and not has_learned_lr(found)
