"""Files of each format, whole and broken: what is read, and each message."""

import gzip
import struct
import tracemalloc

import hostile
import numpy as np
import pytest
from PIL import Image

from dd_jax.data import folder, idx, load
from dd_jax.types import InputError

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 0, 1, 0, 1])


def pixels(n, *shape):
    return RNG.integers(0, 256, (n, *shape)).astype(np.uint8)


def message(source, **kw):
    with pytest.raises(InputError) as error:
        load(source, **kw)
    text = str(error.value)
    assert "\n" not in text
    return text


# --- idx


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_dir(tmp_path):
    arrays = {
        "train-images-idx3-ubyte": pixels(6, 5, 4),
        "train-labels-idx1-ubyte": LABELS,
        "t10k-images-idx3-ubyte": pixels(4, 5, 4),
        "t10k-labels-idx1-ubyte": LABELS[:4],
    }
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path, arrays


@pytest.mark.parametrize("plain", [False, True])
def test_idx(idx_dir, plain):
    path, arrays = idx_dir
    if plain:
        for name in arrays:
            data = gzip.decompress((path / f"{name}.gz").read_bytes())
            (path / f"{name}.gz").unlink()
            (path / name).write_bytes(data)
    data = load(f"idx:{path}")
    np.testing.assert_array_equal(
        data.train.images[..., 0], arrays["train-images-idx3-ubyte"]
    )
    np.testing.assert_array_equal(data.train.labels, LABELS)
    np.testing.assert_array_equal(
        data.test.images[..., 0], arrays["t10k-images-idx3-ubyte"]
    )
    assert data.class_names == ("0", "1")


def test_idx_missing(idx_dir, tmp_path):
    assert message(f"idx:{tmp_path}/no") == (
        f"idx: {tmp_path}/no: no such folder; it should hold train-images-idx3-"
        "ubyte.gz and the three other MNIST-format files"
    )
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    assert message(f"idx:{tmp_path}") == (
        f"{tmp_path} has neither t10k-labels-idx1-ubyte.gz nor t10k-labels-idx1-ubyte"
    )


def test_idx_truncated_gzip(idx_dir):
    path = idx_dir[0] / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    text = message(f"idx:{idx_dir[0]}")
    assert text.startswith(f"{path} cannot be read (")
    assert text.endswith("); it should be a whole gzipped MNIST-format file")


def test_idx_wrong_magic(idx_dir):
    path = idx_dir[0] / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(b"hello"))
    assert message(f"idx:{idx_dir[0]}") == (
        f"{path} starts with 0x68656c6c, which is not the MNIST format; 0x00000803 for "
        "images or 0x00000801 for labels is expected"
    )


def test_idx_short(idx_dir):
    path = idx_dir[0] / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(LABELS)[:-1]))
    assert message(f"idx:{idx_dir[0]}") == (
        f"{path} holds 5 values where its header says 6; fetch the file again"
    )
    path.write_bytes(gzip.compress(idx_bytes(LABELS)[:6]))
    assert message(f"idx:{idx_dir[0]}") == (
        f"{path} ends within its header; fetch the file again"
    )


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "x.GZ"])
def test_idx_zipped_under_another_name(tmp_path, name):
    array = pixels(6, 5, 4)
    (tmp_path / name).write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(idx.read_array(tmp_path / name), array)


@pytest.mark.parametrize(
    "header, words",
    [
        (bytes([0, 0, 8, 255]) + bytes(4 * 255), "states 255 axes; 3 for images or 1"),
        (
            bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1),
            "holds 0 values where its header says 0 x 4294967295 x 4294967295",
        ),
        (
            bytes([0, 0, 8, 3]) + b"\xff" * 12,
            "holds 0 values where its header says 4294967295 x 4294967295 x 4294967295",
        ),
    ],
)
def test_idx_absurd_shapes(tmp_path, header, words):
    (tmp_path / "a").write_bytes(header)
    with pytest.raises(InputError, match=words):
        idx.read_array(tmp_path / "a")


def test_idx_more_than_memory_holds(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write(bytes([0, 0, 8, 1]) + struct.pack(">I", 3))
        file.truncate(2**43)
    with pytest.raises(InputError, match="8 TiB, and .* free"):
        idx.read_array(tmp_path / "a")


OTHER_NAMES = {
    "dots": lambda n: n.replace("-idx", ".idx"),
    "emnist": lambda n: "emnist-letters-" + n.replace("t10k", "test"),
    "prefix": lambda n: "my_set." + n.replace("-idx", ".idx"),
    "test": lambda n: n.replace("t10k", "test").replace("-", "_"),
    "capitals": lambda n: n.upper(),
}


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_idx_names(idx_dir, name, plain):
    path, arrays = idx_dir
    expected = load(f"idx:{path}")
    for old in arrays:
        data = (path / f"{old}.gz").read_bytes()
        (path / f"{old}.gz").unlink()
        data = gzip.decompress(data) if plain else data
        (path / (name(old) + (".gz" if not plain else ""))).write_bytes(data)
    (path / ("._" + name(old))).write_bytes(b"leftover")
    (path / "train-images-idx3-ubyte").mkdir(exist_ok=True)  # as Kaggle unpacks it
    found = load(f"idx:{path}")
    assert found.checksum == expected.checksum
    note = (
        "EMNIST's files hold each image with rows and columns swapped; read as it is "
        "there"
    )
    assert found.notes == ((note,) if "emnist" in name(old) else ())


def test_idx_several_sets(idx_dir):
    path, arrays = idx_dir
    for prefix in ("emnist-digits-", "emnist-letters-"):
        for name in arrays:
            (path / f"{prefix}{name}.gz").write_bytes(
                (path / f"{name}.gz").read_bytes()
            )
    assert message(f"idx:{path}") == (
        f"{path} holds 3 sets of files, with the prefixes '', 'emnist-digits-', "
        "'emnist-letters-'; give a folder that holds one"
    )
    (path / "train-labels-idx1-ubyte.gz").unlink()  # a part is no set
    (path / "emnist-digits-train-labels-idx1-ubyte.gz").unlink()
    load(f"idx:{path}")
    (path / "emnist-letters-train-labels-idx1-ubyte.gz").unlink()
    assert " has neither " in message(f"idx:{path}")


def test_idx_two_files_for_one_part(idx_dir):
    path, arrays = idx_dir
    whole = (path / "t10k-labels-idx1-ubyte.gz").read_bytes()
    (path / "t10k-labels-idx1-ubyte").write_bytes(gzip.decompress(whole))
    load(f"idx:{path}")  # the same file, unzipped
    (path / "test-labels.idx1-ubyte").write_bytes(gzip.decompress(whole))
    assert message(f"idx:{path}") == (
        f"{path} holds both t10k-labels-idx1-ubyte.gz and test-labels.idx1-ubyte; "
        "keep one"
    )


# --- npz


def test_npz_channels_first(tmp_path):
    first = {"x_train": pixels(6, 3, 8, 8), "x_test": pixels(4, 3, 8, 8)}
    path, _ = npz(tmp_path, **first)
    text = "which suggests channels first; [n h w c] is needed: x.transpose(0, 2, 3, 1)"
    assert message(f"npz:{path}") == (
        f"npz:{path} train images have shape (6, 3, 8, 8), {text}"
    )
    last = {name: array.transpose(0, 2, 3, 1) for name, array in first.items()}
    path, _ = npz(tmp_path, **last)
    np.testing.assert_array_equal(load(f"npz:{path}").train.images, last["x_train"])
    path, _ = npz(tmp_path, **(last | {"x_test": first["x_test"]}))
    assert message(f"npz:{path}") == (
        f"npz:{path} test images have shape (4, 3, 8, 8), {text}"
    )
    many = {"x_train": pixels(6, 8, 8, 13), "x_test": pixels(4, 8, 8, 13)}
    path, _ = npz(tmp_path, **many)
    np.testing.assert_array_equal(load(f"npz:{path}").train.images, many["x_train"])


def npz(tmp_path, **arrays):
    whole = {
        "x_train": pixels(6, 5, 4, 3),
        "y_train": LABELS,
        "x_test": pixels(4, 5, 4, 3),
        "y_test": LABELS[:4],
    } | arrays
    path = tmp_path / "data.npz"
    np.savez(path, **{k: v for k, v in whole.items() if v is not None})
    return path, whole


def test_npz(tmp_path):
    path, arrays = npz(
        tmp_path,
        group_train=np.arange(6),
        group_test=np.arange(4),
        class_names=np.array(["cat", "dog"]),
    )
    data = load(f"npz:{path}")
    np.testing.assert_array_equal(data.train.images, arrays["x_train"])
    np.testing.assert_array_equal(data.test.groups, np.arange(4))
    assert data.train.groups.dtype == np.int32
    assert data.class_names == ("cat", "dog")


def test_npz_floats_become_bytes(tmp_path):
    u8 = pixels(6, 5, 4)
    path, _ = npz(
        tmp_path, x_train=(u8 / 255).astype(np.float32), x_test=u8[:4] / 255.0
    )
    data = load(f"npz:{path}")
    np.testing.assert_array_equal(data.train.images[..., 0], u8)
    np.testing.assert_array_equal(data.test.images[..., 0], u8[:4])


def test_npz_missing(tmp_path):
    path, _ = npz(tmp_path, y_test=None)
    assert message(f"npz:{tmp_path}/no.npz") == (
        f"npz: {tmp_path}/no.npz: no such file; it should hold x_train, y_train, "
        "x_test, y_test"
    )
    assert message(f"npz:{path}") == (
        f"{path} has no array y_test; it should hold x_train, y_train, x_test, y_test"
    )


@pytest.mark.parametrize("kind", ["text", "npy", "truncated", "flipped", "pickled"])
def test_npz_corrupt(tmp_path, kind):
    path, _ = npz(tmp_path)
    whole = path.read_bytes()
    if kind == "text":
        path.write_text("hello, world")
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, LABELS)
    elif kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped":
        path.write_bytes(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
    else:
        npz(tmp_path, y_train=np.array([{}] * 6, object))
    text = message(f"npz:{path}")
    assert text.startswith(f"{path} is not a readable .npz file (")
    assert text.endswith("); write it with numpy.savez from plain arrays")


def test_hostile_npz(tmp_path):
    """Every case is one line; a bomb or a lie in one array costs no memory."""
    path, arrays = npz(tmp_path)
    for content in hostile.listed(arrays).values():
        path.write_bytes(content)
        message(f"npz:{path}")
    whole = path.write_bytes(hostile.whole(arrays)) and load(f"npz:{path}")
    for content in hostile.damaged(hostile.whole(arrays), seed=2, count=100):
        path.write_bytes(content)
        try:
            found = load(f"npz:{path}")
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert found.checksum == whole.checksum


def test_a_zipped_bomb(tmp_path):
    """A file of the MNIST format that unpacks to a thousand times its size."""
    path = tmp_path / "train-images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(160):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(InputError, match="smaller than any images pack"):
        idx.read_array(path)
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


# --- folder


def write_images(root, classes, per_class, mode="L", size=(6, 5), suffix=".png"):
    for name in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            shape = size if mode == "L" else (*size, 3)
            Image.fromarray(pixels(1, *shape)[0]).save(root / name / f"{i}{suffix}")


def test_folder_split_by_seed(tmp_path):
    write_images(tmp_path, ["b", "a"], 10)
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("a", "b")
    assert data.train.images.shape == (16, 6, 5, 1)
    np.testing.assert_array_equal(np.bincount(data.test.labels), [2, 2])
    assert load(f"folder:{tmp_path}").checksum == data.checksum
    assert load(f"folder:{tmp_path}", seed=1).checksum != data.checksum


def test_folder_presplit_mixed_becomes_rgb(tmp_path):
    write_images(tmp_path / "train", ["a", "b"], 2)
    write_images(tmp_path / "test", ["a"], 1, mode="RGB")
    write_images(tmp_path / "test", ["b"], 1)
    data = load(f"folder:{tmp_path}")
    assert data.train.images.shape == (4, 6, 5, 3)
    with Image.open(tmp_path / "test" / "a" / "0.png") as image:
        np.testing.assert_array_equal(data.test.images[0], np.asarray(image))
    grey = data.train.images
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_folder_reads_jpeg(tmp_path):
    write_images(tmp_path, ["a", "b"], 5, mode="RGB", suffix=".JPG")
    assert load(f"folder:{tmp_path}").train.images.shape == (8, 6, 5, 3)


def test_folder_several_sizes(tmp_path):
    write_images(tmp_path, ["a"], 5)
    write_images(tmp_path, ["b"], 5, size=(8, 7))
    assert message(f"folder:{tmp_path}") == (
        f"{tmp_path} holds images of 2 sizes, such as 6x5 and 8x7; set data.image_size "
        "to resize them all to one square size"
    )
    data = load(f"folder:{tmp_path}", image_size=4)
    assert data.train.images.shape == (8, 4, 4, 1)


def test_folder_of_more_than_memory_holds(tmp_path, monkeypatch):
    write_images(tmp_path, "ab", 9, mode="RGB", size=(187, 187))  # 105 kB each
    monkeypatch.setattr(folder, "_LOOK", 2**20)
    monkeypatch.setattr(folder, "free", lambda: 2**20)
    assert message(f"folder:{tmp_path}") == (
        f"{tmp_path / 'b'}: the first 10 of 18 images take 1 MiB of memory, and "
        "1 MiB are free; make them smaller"
    )


def test_folder_messages(tmp_path):
    assert message(f"folder:{tmp_path}/no") == (
        f"folder: {tmp_path}/no: no such folder; it should hold train/CLASS/*.png and "
        "test/CLASS/*.png, or CLASS/*.png"
    )
    assert message(f"folder:{tmp_path}") == (
        f"{tmp_path} has no class directories; it should hold CLASS/*.png"
    )
    (tmp_path / "a").mkdir()
    assert message(f"folder:{tmp_path}") == (
        f"class folder {tmp_path}/a holds no images; add some, or remove it"
    )
    write_images(tmp_path, ["a"], 3)
    write_images(tmp_path, ["b"], 1)
    assert message(f"folder:{tmp_path}") == (
        f"class 'b' in {tmp_path} has a single image; at least 2 are needed to "
        "hold out a part of it"
    )
    broken = tmp_path / "b" / "0.png"
    broken.write_bytes(broken.read_bytes()[:40])
    assert message(f"folder:{tmp_path}") == (
        f"{broken} is not a readable image; replace or remove it"
    )
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(broken)
    assert message(f"folder:{tmp_path}") == (
        f"{broken} has pixels of mode I;16; 8 bits per channel are needed"
    )


def test_folder_presplit_messages(tmp_path):
    write_images(tmp_path / "train", ["a", "b"], 2)
    assert message(f"folder:{tmp_path}") == (
        f"{tmp_path} has train/ but no test/; add test/CLASS/*.png"
    )
    write_images(tmp_path / "test", ["a", "c"], 2)
    assert message(f"folder:{tmp_path}") == (
        f"class 'c' is in {tmp_path}/test but not in {tmp_path}/train; both should "
        "hold the same classes"
    )


@pytest.mark.parametrize("kind", ["npz", "idx", "folder"])
def test_a_path_that_no_file_can_have(kind):
    assert f"{kind}: a\0b: has a name that no file can have" in message(f"{kind}:a\0b")
