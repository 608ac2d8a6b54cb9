"""Labels that skip numbers, and the names of classes, from every kind of source."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data import load
from dd_jax.data.labels import used_classes
from dd_jax.types import InputError, Split


def split(labels):
    labels = np.array(labels, np.int32)
    return Split(np.zeros((len(labels), 2, 2, 1), np.uint8), labels)


def numbered(train, test, names=None):
    a, b, found, notes = used_classes(split(train), split(test), names, "src")
    return a.labels.tolist(), b.labels.tolist(), found, notes


def test_nothing_changes_where_nothing_is_unused():
    train, test = split([2, 0, 1]), split([0, 1, 2])
    for names in (None, ("a", "b", "c")):
        a, b, found, notes = used_classes(train, test, names, "src")
        np.testing.assert_array_equal(a.labels, train.labels)
        np.testing.assert_array_equal(b.labels, test.labels)
        assert a.labels.dtype == np.int32 and notes == ()
        assert found == (names or ("0", "1", "2"))


UNUSED = {
    "from 1": ([1, 2, 3], None, [0, 1, 2], ("1", "2", "3"), "'0'"),
    "gap": ([0, 2, 5], None, [0, 1, 2], ("0", "2", "5"), "'1', '3', '4'"),
    "named gap": ([0, 2], ("a", "b", "c"), [0, 1], ("a", "c"), "'b'"),
    "more names": ([0, 1], ("a", "b", "c", "d"), [0, 1], ("a", "b"), "'c', 'd'"),
    "background": ([1, 2], ("none", "a", "b"), [0, 1], ("a", "b"), "'none'"),
    "far": (
        [7, 2_000_000_000],
        None,
        [0, 1],
        ("7", "2000000000"),
        "'0', '1', '2', '3', '4' and 1999999994 more",
    ),
}


@pytest.mark.parametrize(
    "labels, names, new, kept, unused", UNUSED.values(), ids=UNUSED
)
def test_unused_classes_are_left_out(labels, names, new, kept, unused):
    notes = (f"left out classes without images: {unused}",)
    assert numbered(labels, labels[::-1], names) == (new, new[::-1], kept, notes)


def test_labels_from_1_with_a_name_each():
    found = numbered([1, 2, 3], [3, 2, 1], ("a", "b", "c"))
    note = "labels count from 1, as there are 3 class names"
    assert found == ([0, 1, 2], [2, 1, 0], ("a", "b", "c"), (note,))
    *_, names, notes = numbered([1, 3], [1, 3], ("a", "b", "c"))
    assert names == ("a", "c")
    assert notes == (note, "left out classes without images: 'b'")


@pytest.mark.parametrize("train, test", [([0, 1, 2], [0, 1]), ([0, 1], [0, 2])])
def test_labels_without_a_name(train, test):
    with pytest.raises(InputError) as error:
        numbered(train, test, ("a", "b"))
    where = "train" if 2 in train else "test"
    assert str(error.value) == (
        f"src {where} has label 2 but only 2 classes; labels 0 to 1 are expected"
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.booleans())
def test_every_label_keeps_its_name(labels, named):
    names = tuple(f"n{i}" for i in range(42)) if named else None
    train, test, found, _ = numbered(labels, labels, names)
    assert sorted(set(train)) == list(range(len(found)))
    expected = [names[label] if names else str(label) for label in labels]
    assert [found[label] for label in train] == expected and test == train


def npz(tmp_path, labels, **more):
    labels = np.array(labels)
    images = np.arange(len(labels) * 4).reshape(-1, 2, 2).astype(np.uint8)
    arrays = dict(x_train=images, y_train=labels, x_test=images, y_test=labels)
    np.savez(tmp_path / "d.npz", **(arrays | more))
    return f"npz:{tmp_path}/d.npz"


@pytest.mark.parametrize(
    "names",
    [[b"cat", "caf\u00e9".encode()], np.array([b"cat", "caf\u00e9".encode()], "S9")],
    ids=["list", "padded"],
)
def test_names_in_bytes(tmp_path, names):
    source = npz(tmp_path, [0, 1, 0, 1], class_names=np.array(names))
    assert load(source).class_names == ("cat", "caf\u00e9")


def test_names_in_bytes_of_another_kind(tmp_path):
    source = npz(tmp_path, [0, 1], class_names=np.array([b"cat", b"\xff"]))
    with pytest.raises(InputError) as error:
        load(source)
    assert str(error.value) == (
        f"{tmp_path}/d.npz: class name b'\\xff' is not UTF-8 text"
    )


def test_num_classes_counts_those_with_images(tmp_path):
    source = npz(tmp_path, [1, 4, 6, 1, 4, 6])
    data = load(source, num_classes=2)
    assert data.class_names == ("1", "4")
    assert data.train.labels.tolist() == [0, 1, 0, 1]
    with pytest.raises(InputError, match="has 3 classes, so a number from 2 to 3"):
        load(source, num_classes=4)


def test_classes_in_one_split_only(tmp_path):
    images = np.zeros((2, 2, 2), np.uint8)
    source = npz(tmp_path, [0, 1, 2], x_test=images, y_test=np.array([0, 1]))
    with pytest.raises(InputError, match="class '2' of .* is absent in test; every"):
        load(source)
    assert load(source, num_classes=2).class_names == ("0", "1")
    source = npz(tmp_path, [0, 1, 2], x_train=images, y_train=np.array([0, 2]))
    with pytest.raises(InputError, match="class '1' of .* is absent in train; give"):
        load(source)


def test_idx_labels_from_1(tmp_path):
    labels = np.array([1, 2, 3] * 2, np.uint8)
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    for name in ("train", "t10k"):
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim])
            head += struct.pack(f">{array.ndim}I", *array.shape)
            data = gzip.compress(head + array.tobytes())
            (tmp_path / f"{name}-{what}-ubyte.gz").write_bytes(data)
    data = load(f"idx:{tmp_path}")
    assert data.class_names == ("1", "2", "3")
    assert data.train.labels.tolist() == [0, 1, 2] * 2
    assert data.notes == ("left out classes without images: '0'",)


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "\x1b[31m", "\ud800", "a\u2028b", "a\u202eb", "a" * 256]
)
def test_names_that_no_set_could_have(tmp_path, name):
    y, x = np.array([0, 1, 0, 1]), np.zeros((4, 2, 2, 1), np.uint8)
    names = np.array([name, "dog"])
    np.savez(
        tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y, class_names=names
    )
    with pytest.raises(InputError) as error:
        load(f"npz:{tmp_path / 'a.npz'}")
    said = str(error.value)
    assert "\n" not in said and said.isprintable()
    assert f"a.npz has the class name {ascii(name)[:80]}; names of one line" in said
