"""Sets of the original repositories become sets of this package."""

import re

import numpy as np
import pytest
from torch_files import Tensor, saved

from dd_jax.distill import convert, load
from dd_jax.distill.io.released_files import STATISTICS, read_released
from dd_jax.distill.parametrisation.multi_formation import split_tiles
from dd_jax.types import InputError


def pixels(count=10, channels=3, side=32, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((count, channels, side, side), np.float32)


def normalised(images, data):
    mean, std = (np.float32(s)[:, None, None] for s in STATISTICS[data])
    return (images - mean) / std


@pytest.fixture
def put(tmp_path, monkeypatch):
    def write(value, name="set.pt"):
        path = tmp_path / name
        path.write_bytes(saved(value, monkeypatch))
        return path

    return write


LABELS = np.arange(10)


def pair(images, labels=LABELS):
    return [Tensor(images), Tensor(labels)]


def test_the_last_experiment_of_dc_is_read_in_pixels(put, tmp_path):
    images = pixels()
    first, last = (pair(normalised(i, "cifar10")) for i in (images / 2, images))
    accuracies = {"ConvNet": [np.float64(0.5)] * 3}
    path = put({"data": [first, last], "accs_all_exps": accuracies})
    to = tmp_path / "out.npz"
    words = [str(path), str(to), "--data=cifar10", "--method=dsa"]
    assert convert.main(words) == 0
    found = load(to)
    np.testing.assert_allclose(found.images, np.moveaxis(images, 1, -1), atol=1e-6)
    np.testing.assert_array_equal(found.labels, np.eye(10)[LABELS])
    assert found.metadata["config"]["distill"]["method"] == "dsa"
    assert "no lr" in str(found.metadata["converted"])
    assert convert.main(words) == 2  # not written over


def test_mtt_has_its_labels_apart_and_leaves_the_range(put):
    images = 3 * pixels(channels=1, side=28) - 1
    path = put(Tensor(normalised(images, "mnist")))
    labels = put(Tensor(LABELS), "labels.pt")
    found = read_released(path, "mnist", labels, lr=0.02)
    np.testing.assert_allclose(found.images, np.moveaxis(images, 1, -1), atol=1e-5)
    assert found.lr == np.float32(0.02) and found.metadata["clamped"] is False


def test_idc_is_in_pixels_and_decoded(put):
    images = pixels()
    found = read_released(put(pair(images)), "cifar10", factor=2)
    inside = np.moveaxis(images, 1, -1)
    np.testing.assert_allclose(found.images, split_tiles(inside, 2), atol=1e-6)
    np.testing.assert_array_equal(found.labels.argmax(1), np.repeat(LABELS, 4))
    assert found.metadata["stored_images"] == 10 and found.metadata["clamped"] is True


def test_labels_of_datm_are_logits(put, tmp_path, capsys):
    logits = np.random.default_rng(1).normal(0, 2, (10, 10)).astype("f4")
    images = put(Tensor(normalised(pixels(), "cifar10")))
    labels = put(Tensor(logits), "labels.pt")
    to = tmp_path / "out.npz"
    words = [str(images), str(to), "--data=cifar10", f"--labels={labels}"]
    assert convert.main(words) == 2
    assert str(images) in capsys.readouterr().err and not to.exists()
    assert convert.main([*words, "--logits"]) == 0
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(load(to).labels, expected, rtol=1e-6)
    assert "learned under ZCA" in capsys.readouterr().err


@pytest.mark.parametrize(
    "labels, words",
    [
        (np.full((10, 10), 0.1), "are probabilities already"),
        (np.full((10, 10), np.inf), "are no logits"),
        (np.zeros((10, 0)), "are no logits"),
        (LABELS, "are no logits"),
    ],
)
def test_labels_that_are_no_logits(put, labels, words):
    images = put(Tensor(normalised(pixels(), "cifar10")))
    file = put(Tensor(labels), "labels.pt")
    with pytest.raises(InputError, match=words):
        read_released(images, "cifar10", file, logits=True)


@pytest.mark.parametrize(
    "images, labels, data, words",
    [
        (4 * pixels() - 2, LABELS, "cifar10", "pixels leave [0, 1] by"),
        (pixels(side=28), LABELS, "mnist", "has 1 channels, and the images have 3"),
        (pixels(), LABELS + 1, "cifar10", "has 10 classes, and the set 11"),
        (pixels(), LABELS, "cifar100", "has 100 classes, and the set 10"),
        (pixels(), np.float32(LABELS + 1), "cifar10", "and the set 11"),
        (pixels(), np.uint8(LABELS + 246), "cifar10", "and the set 256"),
        (pixels(side=28), LABELS, "cifar10", "images of 32x32, and the set of 28x28"),
    ],
)
def test_sets_of_idc_that_it_would_not_write(put, images, labels, data, words):
    with pytest.raises(InputError, match=re.escape(words)):
        read_released(put(pair(images, labels)), data, factor=1)


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("set.pt", {"method": "idc"}, "no file of it, but of dc"),
        ("set.pt", {"method": "idc_i"}, "no file of it, but of dc"),
        ("set.pt", {"factor": 1}, "no file of IDC"),
        ("res_DSA_CIFAR10_ConvNet_1ipc.pt", {"method": "dm"}, "is of DSA and CIFAR10"),
        ("res_DM_SVHN_ConvNet_1ipc.pt", {"method": "dm"}, "is of DM and SVHN by its"),
    ],
)
def test_what_does_not_go_with_a_file_of_dc(put, name, options, words):
    path = put({"data": [pair(normalised(pixels(), "cifar10"))]}, name)
    with pytest.raises(InputError, match=words):
        read_released(path, "cifar10", **options)


def test_methods_that_save_no_such_file_are_refused(put, tmp_path, capsys):
    path = put({"data": [pair(normalised(pixels(), "cifar10"))]})
    with pytest.raises(SystemExit, match="2"):
        convert.main(
            [str(path), str(tmp_path / "a.npz"), "--data=cifar10", "--method=frepo"]
        )
    assert "choose from" in capsys.readouterr().err


def test_a_name_that_agrees_is_taken(put):
    of = {"data": [pair(normalised(pixels(channels=1, side=28), "fashion_mnist"))]}
    path = put(of, "res_DSA_FashionMNIST_ConvNet_1ipc.pt")
    found = read_released(path, "fashion_mnist", method="dsa")
    assert len(found.images) == 10
    by_name = read_released(path, "fashion_mnist")
    assert by_name.metadata == found.metadata
    assert found.metadata["config"] == {"distill": {"method": "dsa"}}


@pytest.mark.parametrize("lr", ["0", "-1", "nan", "inf", "1e300"])
def test_learning_rates_that_no_set_has(put, tmp_path, capsys, recwarn, lr):
    path = put({"data": [pair(normalised(pixels(), "cifar10"))]})
    words = [str(path), str(tmp_path / "out.npz"), "--data=cifar10", f"--lr={lr}"]
    assert convert.main(words) == 2 and not recwarn
    assert "a finite number above 0" in capsys.readouterr().err


def test_the_tiles_of_idc_have_to_be_given(put):
    with pytest.raises(InputError, match="give --factor=1 for IDC-I"):
        read_released(put(pair(pixels())), "cifar10")


def test_pixels_that_are_not_normalised(put):
    labels = put(Tensor(LABELS), "labels.pt")
    for value, of in (({"data": [pair(pixels())]}, None), (Tensor(pixels()), labels)):
        with pytest.raises(InputError, match="no pixel is below 0"):
            read_released(put(value), "cifar10", of)


def test_cifar100_of_dc_and_of_mtt_have_other_statistics(put):
    images, classes = pixels(100) - 0.5, np.arange(100)
    of_dc = read_released(put({"data": [pair(images, classes)]}), "cifar100")
    labels = put(Tensor(classes), "labels.pt")
    of_mtt = read_released(put(Tensor(images), "mtt.pt"), "cifar100", labels)
    assert abs(of_dc.images - of_mtt.images).max() > 0.01


@pytest.mark.parametrize(
    "value, words",
    [
        ({"data": []}, "holds a dict"),
        ({"state_dict": {}}, "holds a dict"),
        ([1, 2, 3], "holds a list"),
        (["a", "b"], "two tensors"),
        ({"data": [[1]]}, "two tensors"),
        (pair(pixels()[0]), "real numbers [m c h w]"),
        (pair(np.zeros((4, 3, 6, 6), "u1")), "real numbers [m c h w]"),
        (pair(pixels(), np.arange(3)), "real numbers [m c h w]"),
        (pair(pixels(channels=2)), "1 or 3 channels"),
        (pair(pixels(), np.maximum(LABELS, 1)), "class numbers from 1 to 9"),
        ({"data": [pair(pixels(channels=1))]}, "has 3 channels"),
        (Tensor(pixels()), "needs its labels_best.pt"),
    ],
)
def test_other_files_are_refused(put, tmp_path, capsys, value, words):
    to = tmp_path / "out.npz"
    factor = ["--factor=1"] if isinstance(value, list) else []
    assert convert.main([str(put(value)), str(to), "--data=cifar10", *factor]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not to.exists()


def test_what_no_set_can_hold_leaves_no_file(put, tmp_path, capsys):
    images, to = pixels(), tmp_path / "out.npz"
    images[0] = np.nan
    words = [str(put(pair(images))), str(to), "--data=cifar10", "--factor=1"]
    assert convert.main(words) == 2
    assert "NaN" in capsys.readouterr().err and not to.exists()


def test_arguments_that_do_not_fit(put):
    of_dc = put({"data": [pair(normalised(pixels(), "cifar10"))]})
    with pytest.raises(InputError, match="labels in it"):
        read_released(of_dc, "cifar10", of_dc)
    with pytest.raises(InputError, match="no file of IDC"):
        read_released(of_dc, "cifar10", factor=2)
    with pytest.raises(InputError, match="does not divide"):
        read_released(put(pair(pixels(channels=1, side=28))), "mnist", factor=3)
