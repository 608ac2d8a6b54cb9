"""Copies and images that look the same, against loops over all pairs."""

import io

import numpy as np
import pytest
from PIL import Image

from dd_jax.data import duplicates, load
from dd_jax.data.duplicates import compared, exact_duplicates, near_duplicates
from dd_jax.data.small_images import small_images
from dd_jax.types import Split

RNG = np.random.default_rng(0)


def rows(seed, n, values=256, shape=(3, 2, 1), classes=3):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, values, (n, *shape)).astype(np.uint8)
    return Split(images, rng.integers(0, classes, n))


def by_pairs(train, held_out, alike):
    """The counts by their definition: `alike(image, other)` of every pair."""
    given, same = held_out or train, held_out is None
    found = {"rows": 0, "other_label": 0}
    for i, (image, label, _) in enumerate(zip(*given[:2], given.labels)):
        labels = [
            other_label
            for j, (other, other_label) in enumerate(zip(*train[:2]))
            if not (same and i == j) and alike(image, other)
        ]
        found["rows"] += bool(labels)
        found["other_label"] += any(other != label for other in labels)
    return found


@pytest.mark.parametrize("held_out", [None, rows(9, 40, values=2)])
@pytest.mark.parametrize("seed", range(5))
def test_copies_are_those_of_all_pairs(seed, held_out):
    train = rows(seed, 60, values=2)
    expected = by_pairs(train, held_out, np.array_equal)
    given = [compared(split) for split in (train, held_out) if split]
    assert exact_duplicates(*given).counts() == expected and expected["other_label"] > 0


def correlated(image, other):
    """Images no larger than the small ones are compared as they are."""
    if np.array_equal(image, other) or image.std() == 0 or other.std() == 0:
        return False
    correlation = np.corrcoef(image.ravel().astype(float), other.ravel())[0, 1]
    return correlation >= duplicates.CORRELATION


@pytest.mark.parametrize("at_once", [7, 2048])
@pytest.mark.parametrize("held_out", [None, rows(9, 40, values=4, shape=(2, 2, 1))])
def test_what_looks_the_same_is_that_of_all_pairs(monkeypatch, held_out, at_once):
    """In blocks too, the last of which is not full."""
    monkeypatch.setattr(duplicates, "_ROWS", at_once)
    train = rows(0, 60, values=4, shape=(2, 2, 1))
    expected = by_pairs(train, held_out, correlated)
    given = [compared(split) for split in (train, held_out) if split]
    assert near_duplicates(*given).counts() == expected and expected["other_label"] > 0


def in_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))[..., None]


CHANGES = {
    "compressed": lambda image: in_jpeg(image, 90),
    "darker": lambda image: np.uint8(0.8 * image),
    "flatter": lambda image: np.uint8(0.5 * image + 60),
    "noisy": lambda image: np.uint8(
        np.clip(image + np.random.default_rng(0).normal(0, 4, image.shape), 0, 255)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copies_of_digits_are_found_and_no_others(change):
    train, test = load("digits")[:2]
    known = compared(train)
    assert near_duplicates(known).counts()["rows"] == 0
    assert near_duplicates(known, compared(test)).counts()["rows"] == 0
    changed = np.stack([change(image) for image in train.images[:200]])
    found = near_duplicates(known, compared(Split(changed, train.labels[:200])))
    assert found.counts() == {"rows": 200, "other_label": 0}
    assert found.like.tolist() == list(range(200))
    one_off = compared(Split(changed, train.labels[:200] + 1))
    assert near_duplicates(known, one_off).counts() == {"rows": 200, "other_label": 200}


def test_images_of_one_colour_look_like_none():
    flat = np.full((4, 5, 5, 3), 9, np.uint8)
    flat[1:] += np.arange(3, dtype=np.uint8)[:, None, None, None]
    given = compared(Split(flat, np.arange(4)))
    assert near_duplicates(given).counts()["rows"] == 0
    assert exact_duplicates(given).counts()["rows"] == 2  # the first two


@pytest.mark.parametrize("at_once", [3, 2048])
@pytest.mark.parametrize("find, scale", [(exact_duplicates, 1), (near_duplicates, 2)])
def test_a_row_of_another_label_is_named_first(monkeypatch, find, scale, at_once):
    monkeypatch.setattr(duplicates, "_ROWS", at_once)
    patterns = RNG.integers(0, 100, (3, 4, 4, 1))
    kinds = [0, 1, 0, 0, 2, 0, 1, 0]
    labels = [0, 1, 0, 0, 2, 1, 1, 0]
    images = patterns[kinds]
    if scale > 1:  # each differs in brightness
        images = images + 10 * np.arange(8)[:, None, None, None]
    found = find(compared(Split(images.astype(np.uint8), np.array(labels))))
    assert found.other_label.tolist() == [k == 0 for k in kinds]
    assert [found.like[i] for i in (0, 2, 3, 7)] == 4 * [5] and found.like[4] == -1
    assert (found.like[1], found.like[6]) == (6, 1) and kinds[found.like[5]] == 0


@pytest.mark.parametrize("height, width", [(32, 48), (20, 7), (3, 100), (17, 16)])
def test_small_images_are_means_over_areas(height, width):
    """Against pixels repeated until the areas hold whole numbers of them."""
    images = rows(0, 3, shape=(height, width, 3)).images
    side = [min(16, length) for length in (height, width)]
    fine = images.repeat(side[0], 1).repeat(side[1], 2).astype(float)
    blocks = fine.reshape(3, side[0], height, side[1], width, 3)
    expected = blocks.mean((2, 4)).reshape(3, -1)
    expected -= expected.mean(1, keepdims=True)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(small_images(images), expected, atol=1e-5)
