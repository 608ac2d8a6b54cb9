"""TFDS data sets that the test itself prepares on disk, without TensorFlow."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from dd_jax.data import load
from dd_jax.types import InputError, Split

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("array_record")
pytest.importorskip("importlib_resources")

LABELS = {
    "train": [0, 1, 0, 1, 0, 1],
    "test": [1, 0, 1, 0],
    "validation": [0, 1],
    "extra": [0, 1],
}


def images(split):
    rng = np.random.default_rng(len(split))
    return rng.integers(0, 256, (len(LABELS[split]), 6, 5), np.uint8)


def png(image):
    """As a file, which TFDS stores as it is; an array it encodes by TensorFlow."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    file.seek(0)
    return file


class _Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    SPLITS = ("train", "test")
    FEATURES = {
        "image": tfds.features.Image(shape=(6, 5, 1)),
        "label": tfds.features.ClassLabel(names=["cat", "dog"]),
    }

    def _info(self):
        features = tfds.features.FeaturesDict(self.FEATURES)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.SPLITS}

    def _generate_examples(self, split):
        for i, (image, label) in enumerate(zip(images(split), LABELS[split])):
            example = {"image": png(image), "label": label, "text": "x"}
            yield i, {name: example[name] for name in self.FEATURES}


class DdTestPlain(_Tiny, skip_registration=True):
    pass


class DdTestUnprepared(_Tiny):
    SPLITS = ("train", "validation")


class DdTestArrays(_Tiny):
    def _generate_examples(self, split):
        for i, (image, label) in enumerate(zip(images(split), LABELS[split])):
            yield i, {"image": image[..., None], "label": label}


class DdTestOneSplit(_Tiny):
    SPLITS = ("train",)


class DdTestNoTest(_Tiny):
    SPLITS = ("train", "extra")


class DdTestUnused(_Tiny):
    FEATURES = _Tiny.FEATURES | {
        "label": tfds.features.ClassLabel(names=["a", "b", "c", "d"])
    }

    def _generate_examples(self, split):
        for i, example in super()._generate_examples(split):
            yield i, example | {"label": example["label"] + 1}


class DdTestNoImage(_Tiny):
    FEATURES = {"text": tfds.features.Text(), "label": _Tiny.FEATURES["label"]}


class DdTestNoTestLabels(_Tiny):
    SPLITS = ("train", "test", "validation")

    def _generate_examples(self, split):
        for i, example in super()._generate_examples(split):
            yield i, example | ({"label": -1} if split == "test" else {})


class DdTestSeveralLabels(_Tiny):
    FEATURES = _Tiny.FEATURES | {
        "label": tfds.features.Sequence(_Tiny.FEATURES["label"])
    }

    def _generate_examples(self, split):
        for i, example in super()._generate_examples(split):
            yield i, example | {"label": [example["label"]] * (1 + i % 2)}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


def message(source):
    with pytest.raises(InputError) as error:
        load(source)
    return str(error.value)


def assert_holds(split, name):
    """TFDS shuffles the rows, so they are compared as a set."""
    found = {(i.tobytes(), int(k)) for i, k in zip(split.images, split.labels)}
    assert split.images.shape[1:] == (6, 5, 1)
    assert found == {(i.tobytes(), k) for i, k in zip(images(name), LABELS[name])}


def test_reads_what_is_prepared_on_disk(data_dir):
    builder = DdTestPlain(data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
    data = load("tfds:dd_test_plain")
    assert_holds(data.train, "train")
    assert_holds(data.test, "test")
    assert data.class_names == ("cat", "dog")
    assert data.checksum == load("tfds:dd_test_plain").checksum


def test_prepares_first_and_takes_validation_as_test(data_dir):
    data = load("tfds:dd_test_unprepared")
    assert_holds(data.test, "validation")
    assert data.notes == ("test images are those of validation",)
    assert (data_dir / "dd_test_unprepared" / "1.0.0" / "dataset_info.json").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is here"
)
def test_preparing_that_needs_tensorflow_names_the_extra(data_dir):
    assert message("tfds:dd_test_arrays") == (
        "tfds:dd_test_arrays needs tensorflow to be prepared or read; "
        "pip install 'dd_jax[tfds]'"
    )


def test_corrupt_files(data_dir):
    builder = DdTestPlain(data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
    file = next((data_dir / "dd_test_plain" / "1.0.0").glob("*train.array_record*"))
    file.write_bytes(b"x" * 100)
    text = message("tfds:dd_test_plain")
    assert text.startswith("tfds:dd_test_plain could not be read (")
    assert text.endswith("); prepare it again") and "\n" not in text


def test_prepared_without_random_access(data_dir):
    builder = DdTestPlain(data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
    info = data_dir / "dd_test_plain" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    text = message("tfds:dd_test_plain")
    assert text.startswith(f"tfds:dd_test_plain could not be prepared in {data_dir} (")
    assert text.endswith(
        "); prepare it there with file_format='array_record', or use another source"
    )


def test_unknown_name(data_dir):
    assert message("tfds:dd_test_nothing") == (
        "tfds:dd_test_nothing is not a data set that TFDS knows, nor one prepared in "
        f"{data_dir}; check the name, or set TFDS_DATA_DIR to where it is"
    )


def test_one_split_is_split_by_the_seed(data_dir):
    whole, name = load("tfds:dd_test_one_split"), "tfds:dd_test_one_split"
    both = Split(*map(np.concatenate, zip(whole.train[:2], whole.test[:2])))
    assert_holds(both, "train")
    assert np.bincount(whole.train.labels).tolist() == [2, 2]
    assert np.bincount(whole.test.labels).tolist() == [1, 1]
    assert load(name).checksum == whole.checksum
    assert len({load(name, seed=seed).checksum for seed in range(6)}) > 1
    assert whole.notes == (f"{name} has one split, train; 20 % of it are the test set",)


def test_several_splits_without_test(data_dir):
    assert message("tfds:dd_test_no_test") == (
        "tfds:dd_test_no_test has the splits extra, train; train and one of test and "
        "validation are needed"
    )


def test_declared_classes_without_images(data_dir):
    data = load("tfds:dd_test_unused")
    assert data.class_names == ("b", "c")
    assert_holds(data.train, "train")
    assert data.notes == ("left out classes without images: 'a', 'd'",)


def test_a_test_split_without_labels_is_left_out(data_dir):
    data = load("tfds:dd_test_no_test_labels")
    assert_holds(data.test, "validation")
    assert data.notes == ("test images are those of validation",)


def test_several_labels_an_image(data_dir):
    assert message("tfds:dd_test_several_labels") == (
        "tfds:dd_test_several_labels has several labels an image; one class is needed"
    )


def test_needs_image_and_label(data_dir):
    assert message("tfds:dd_test_no_image") == (
        "tfds:dd_test_no_image has no feature 'image' (it has label, text); an image "
        "classification data set with image and label is needed"
    )


def test_no_home_for_the_default_folder(monkeypatch):
    for name in ("TFDS_DATA_DIR", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(InputError) as caught:
        load("tfds:mnist")
    assert str(caught.value) == (
        "tfds:mnist is read from ~/tensorflow_datasets, and there is no home "
        "directory; set TFDS_DATA_DIR to where it is"
    )
