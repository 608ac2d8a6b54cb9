"""The reader of `.npz` archives: what it gives, what it refuses, what that costs."""

import os
import tracemalloc
import zipfile
from pathlib import Path

import hostile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays_of

from dd_jax.system import memory
from dd_jax.system.archive import read_npz
from dd_jax.types import InputError

ARRAYS = {
    "images": np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4),
    "labels": np.arange(2),
    "text": np.array('{"a": 1}'),
}
CASES = hostile.listed(ARRAYS)


def refused(path, *args):
    with pytest.raises(InputError) as error:
        read_npz(path, *args)
    text = str(error.value)
    assert "\n" not in text and text.isprintable() and str(path) in text
    assert len(text) < 400 + len(str(path))
    return text.removeprefix(f"{path} is not a readable .npz file (").removesuffix(")")


def written(path, content):
    path.write_bytes(content)
    return path


def equal(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_comes_back(tmp_path, save):
    given_ = ARRAYS | {
        "none": np.zeros((0, 3)),
        "number": np.float16(2),
        "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "other order": np.arange(3, dtype=">i4"),
        "names": np.array(["cat", "größer", ""]),
        "bytes": np.array([b"cat", b"dog"]),
        "flags": np.array([True, False]),
        "complex": np.array([1j]),
    }
    save(tmp_path / "a.npz", **given_)
    equal(read_npz(tmp_path / "a.npz"), given_)


@settings(max_examples=60, deadline=None)
@given(
    arrays_of.arrays(
        arrays_of.scalar_dtypes().filter(lambda d: d.kind in "biufcUS" and d.itemsize),
        arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4),
    )
)
def test_any_array_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "a.npz"
    np.savez(path, array=array)
    expected = np.load(path)["array"]
    equal(read_npz(path), {"array": expected})


def test_only_what_is_needed_is_looked_at(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **ARRAYS, odd=np.array({}, object))
    found = read_npz(path, ["labels"], ["text", "absent"])
    equal(found, {name: ARRAYS[name] for name in ("labels", "text")})
    assert refused(path, ["labels", "x", "y"]) == "it lacks x, y"
    assert "odd.npy: Object arrays" in refused(path)


def test_the_words_of_the_caller(tmp_path):
    path = written(tmp_path / "a.npz", b"text")
    with pytest.raises(InputError, match="^bad: no archive; sorry$"):
        read_npz(path, refusal=lambda reason: f"bad: {reason}; sorry")


@pytest.mark.parametrize("what", CASES)
def test_what_cannot_be_right_is_one_line(tmp_path, what):
    path = written(tmp_path / "a.npz", CASES[what])
    refused(path, ["images", "labels", "text"])


@pytest.mark.parametrize(
    "what, words",
    [
        ("a pickle", "no archive but a pickle, which could run code"),
        ("saved by torch", "saved by torch.save, as a pickle, which could run code"),
        ("encrypted", "images.npy is encrypted"),
        ("unknown method", "images.npy is packed by method 99, not deflate"),
        ("lzma", "images.npy is packed by method 14, not deflate"),
        ("twice", "two arrays named images"),
        ("a path", "it lacks images"),
        ("negative", "images.npy has the shape (-2, -2)"),
        ("checksum", "Bad CRC-32 for file 'images.npy'"),
        (
            "announces more",
            "images.npy announces float32 of shape (1000, 1000), 3.81 MiB, and has 16 "
            "bytes",
        ),
        (
            "objects",
            "images.npy: Object arrays cannot be loaded: they could run code",
        ),
    ],
)
def test_the_reason_is_named(tmp_path, what, words):
    path = written(tmp_path / "a.npz", CASES[what])
    assert refused(path, ["images", "labels", "text"]) == words


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_random_damage_is_seen_or_does_no_harm(tmp_path, method):
    path = tmp_path / "a.npz"
    seen = 0
    for content in hostile.damaged(hostile.whole(ARRAYS, method), seed=0, count=300):
        path.write_bytes(content)
        try:
            equal(read_npz(path, ARRAYS), ARRAYS)
        except InputError as error:
            assert "\n" not in str(error) and str(error).isprintable()
            seen += 1
    assert seen > 150


def test_no_hostile_file_costs_memory(tmp_path):
    path, most = tmp_path / "a.npz", 0
    for content in CASES.values():
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(InputError):
            read_npz(path, ["images", "labels", "text"])
        most = max(most, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most < 30 * 2**20


def test_arrays_larger_than_the_free_memory(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", a=np.zeros(1000), b=np.zeros(1000))
    monkeypatch.setattr(memory, "free", lambda: 10_000)
    assert refused(tmp_path / "a.npz") == (
        "it unpacks to 15.6 KiB, and 9.77 KiB are free"
    )
    assert read_npz(tmp_path / "a.npz", ["a"])["a"].shape == (1000,)


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "link.npz").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.npz", "folder.npz"):
        assert "no regular file" in refused(tmp_path / name)
    assert "no regular file" in refused(Path("/dev/zero"))
    assert refused(tmp_path / "link.npz") == "No such file or directory"
    assert refused(tmp_path / "none.npz") == "No such file or directory"
    assert refused(tmp_path / ("n" * 300)) == "File name too long"


def test_a_linked_archive_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    (tmp_path / "b.npz").symlink_to(tmp_path / "a.npz")
    equal(read_npz(tmp_path / "b.npz"), ARRAYS)
