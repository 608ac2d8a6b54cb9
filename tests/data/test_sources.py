"""load(): the embedded digits, cuts, resizing, checksums, arguments."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dd_jax.data import load
from dd_jax.data.splits import stratified_split
from dd_jax.data.statistics import channel_statistics
from dd_jax.types import InputError


def test_digits():
    data = load("digits")
    assert data.train.images.shape == (1438, 8, 8, 1)
    assert data.test.images.shape == (359, 8, 8, 1)
    assert data.class_names == tuple("0123456789") and data.validation is None
    whole, labels = load_digits(return_X_y=True)
    rows = np.concatenate([data.train.images, data.test.images]).reshape(1797, 64)
    expected = np.round(whole * 255 / 16)
    np.testing.assert_array_equal(
        rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)]
    )
    share = np.bincount(data.test.labels) / np.bincount(labels)
    assert np.abs(share - 0.2).max() < 0.005
    assert (data.mean, data.std) == channel_statistics(data.train.images)


def test_digits_split_is_fixed():
    assert load("digits", seed=5).checksum == load("digits").checksum
    assert load("digits").checksum == "67634a7916905442"


def test_validation_is_held_out_of_train_by_class():
    whole, data = load("digits"), load("digits", validation=0.25, seed=1)
    assert len(data.train.labels) + len(data.validation.labels) == 1438
    share = np.bincount(data.validation.labels) / np.bincount(whole.train.labels)
    assert np.abs(share - 0.25).max() < 0.005
    np.testing.assert_array_equal(data.test.images, whole.test.images)
    assert data.mean == channel_statistics(data.train.images)[0] != whole.mean
    assert data.checksum != load("digits", validation=0.25, seed=2).checksum


def test_num_classes_keeps_the_first():
    whole, data = load("digits"), load("digits", num_classes=3)
    assert set(data.train.labels) == set(data.test.labels) == {0, 1, 2}
    assert data.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(
        data.train.images, whole.train.images[whole.train.labels < 3]
    )


def test_image_size():
    data, small = load("digits"), load("digits", image_size=5)
    assert small.test.images.shape == (359, 5, 5, 1)
    expected = Image.fromarray(data.train.images[7, ..., 0]).resize((5, 5), 2)
    np.testing.assert_array_equal(small.train.images[7, ..., 0], np.asarray(expected))


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 4, 4)).astype(np.uint8),
        "y_train": np.arange(6) % 2,
        "x_test": rng.integers(0, 256, (4, 4, 4)).astype(np.uint8),
        "y_test": np.arange(4) % 2,
        "group_train": np.arange(6),
        "group_test": np.arange(4),
        "class_names": np.array(["a", "b"]),
    }


def test_checksum_sees_every_part(arrays, tmp_path):
    def checksum(**changes):
        np.savez(tmp_path / "d.npz", **(arrays | changes))
        return load(f"npz:{tmp_path}/d.npz").checksum

    base = checksum()
    assert base == checksum() and len(base) == 16
    one_pixel = arrays["x_test"].copy()
    one_pixel[0, 0, 0] ^= 1
    changed = [
        checksum(x_test=one_pixel),
        checksum(y_train=1 - arrays["y_train"]),
        checksum(group_train=arrays["group_train"] + 1),
        checksum(class_names=np.array(["a", "c"])),
        checksum(
            x_train=arrays["x_train"].reshape(6, 2, 8),
            x_test=arrays["x_test"].reshape(4, 2, 8),
        ),
    ]
    assert len({base, *changed}) == 6


ARGUMENTS = [
    (
        ("mnist",),
        {},
        "data source 'mnist' is unknown; use digits, tfds:NAME, idx:DIR, npz:FILE or "
        "folder:DIR",
    ),
    (
        ("idx:",),
        {},
        "data source 'idx:' is unknown; use digits, tfds:NAME, idx:DIR, npz:FILE or "
        "folder:DIR",
    ),
    (
        ("digits",),
        {"num_classes": 11},
        "num_classes is 11; digits has 10 classes, so a number from 2 to 10 is needed",
    ),
    (
        ("digits",),
        {"num_classes": 1},
        "num_classes is 1; digits has 10 classes, so a number from 2 to 10 is needed",
    ),
    (
        ("digits",),
        {"validation": 1.0},
        "validation is 1.0; a share of train in [0, 1) is needed",
    ),
    (
        ("digits",),
        {"image_size": 0},
        "image_size is 0; a positive number is needed",
    ),
    (("digits",), {"rows": 0}, "rows is 0; a positive number is needed"),
    (
        ("digits",),
        {"rows": 100, "seed": -1},
        "seed is -1; a number from 0 up is needed",
    ),
]


@pytest.mark.parametrize("args, kw, expected", ARGUMENTS)
def test_argument_message(args, kw, expected):
    with pytest.raises(InputError) as error:
        load(*args, **kw)
    assert str(error.value) == expected


def test_stratified_split_keeps_and_holds_at_least_one():
    labels = np.array([0] * 20 + [1] * 2)
    for fraction, counts in ((0.01, [1, 1]), (0.99, [19, 1]), (0.25, [5, 1])):
        kept, held = stratified_split(0, labels, fraction, "toy")
        np.testing.assert_array_equal(np.bincount(labels[held]), counts)
        np.testing.assert_array_equal(np.sort(np.r_[kept, held]), np.arange(22))


def test_rows_keep_the_image_of_a_class_with_one(tmp_path):
    labels = np.repeat([0, 1, 2, 3], [19, 10, 10, 1])
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
    test = {"x_test": images[:4], "y_test": np.arange(4)}
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, **test)
    data = load(f"npz:{tmp_path / 'a.npz'}", rows=20)
    assert np.bincount(data.train.labels).tolist() == [10, 5, 5, 1]
    with pytest.raises(InputError, match="has a single image; at least 2"):
        load(f"npz:{tmp_path / 'a.npz'}", rows=20, validation=0.2)


def test_rows_keep_the_same_share_of_every_class():
    whole, part = load("digits"), load("digits", rows=500, seed=1)
    counts = np.bincount(part.train.labels)
    share = 500 / len(whole.train.labels)
    np.testing.assert_array_equal(
        counts, np.round(share * np.bincount(whole.train.labels)).astype(int)
    )
    np.testing.assert_array_equal(part.test.images, whole.test.images)
    assert part.checksum != whole.checksum
    assert part.checksum != load("digits", rows=500, seed=2).checksum
    assert load("digits", rows=10**6).checksum == whole.checksum
    held = load("digits", rows=500, validation=0.2).validation
    assert len(held.labels) == pytest.approx(100, abs=5)
