"""Counts of classes and groups, images of one colour, grey ones, and resized ones."""

import numpy as np
import pytest
from PIL import Image

from dd_jax.data import load
from dd_jax.data.class_counts import class_counts, group_counts, imbalance
from dd_jax.data.image_facts import constant_images, grey_images, size_facts
from dd_jax.types import Split


def split(labels, groups=None):
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    return Split(images, np.array(labels), groups)


def test_classes_without_rows_are_counted():
    splits = {"train": split([0, 0, 2]), "test": split([2])}
    assert class_counts(splits, "abc") == [
        {"name": "a", "train": 2, "test": 0},
        {"name": "b", "train": 0, "test": 0},
        {"name": "c", "train": 1, "test": 1},
    ]


def test_groups_are_counted_by_class_in_every_split():
    train = split([0, 1, 1], np.array([5, 5, 7]))
    test = split([1], np.array([9]))
    assert group_counts({"train": train, "test": test}, 2) == [
        {"group": 5, "train": [1, 1], "test": [0, 0]},
        {"group": 7, "train": [0, 1], "test": [0, 0]},
        {"group": 9, "train": [0, 0], "test": [0, 1]},
    ]


@pytest.mark.parametrize(
    "counts, ratio, effective",
    [([5, 5, 5, 5], 1, 4), ([1, 3], 3, 1.6), ([1000, 1], 1000, 1.002)],
)
def test_imbalance(counts, ratio, effective):
    found = imbalance(counts)
    assert found["ratio"] == ratio
    assert found["effective_classes"] == pytest.approx(effective, abs=1e-3)


def test_one_colour_and_grey():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[0] = (1, 2, 3)  # of one colour
    images[1, 0, 0] = 7  # grey
    images[2, 1, 1] = (0, 0, 1)  # neither
    assert constant_images(images).tolist() == [True, False, False, True]
    assert grey_images(images).tolist() == [False, True, False, True]
    assert not grey_images(images[..., :1]).any()


def test_sizes_by_hand():
    sizes = [(8, 8, 10), (4, 4, 3), (16, 16, 2), (8, 9, 1), (10, 20, 5)]
    assert size_facts(sizes, 8, 8) == {
        "sizes": 5,
        "resized": 11,
        "enlarged": 3,
        "largest_enlargement": 2.0,
        "stretched": 6,  # 8x9 too: by an eighth
    }
    assert size_facts([(8, 8, 10)], 8, 8)["largest_enlargement"] == 1.0


def test_sizes_are_those_that_the_source_stores(tmp_path):
    whole = ((8, 8, 1797),)
    assert load("digits").sizes == whole
    assert load("digits", image_size=5, num_classes=2, rows=20).sizes == whole
    for split in ("train", "test"):
        for i in range(5):
            image = Image.fromarray(np.zeros((6, 7) if i else (3, 4), np.uint8))
            for name in ("a", "b"):
                (tmp_path / split / name).mkdir(parents=True, exist_ok=True)
                image.save(tmp_path / split / name / f"{i}.png")
    for place, counts in (("", (16, 4)), ("/train", (8, 2))):
        found = load(f"folder:{tmp_path}{place}", image_size=5).sizes
        assert found == ((6, 7, counts[0]), (3, 4, counts[1]))
