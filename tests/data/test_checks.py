"""One test per message that a data set can be refused with."""

import numpy as np
import pytest

from dd_jax.data.checks import check_classes, checked_split, require_per_class
from dd_jax.data.sources import load
from dd_jax.types import InputError, Split

IMAGES = np.zeros((4, 3, 2, 1), np.uint8)
LABELS = np.array([0, 1, 0, 1])


def nan_images():
    images = np.zeros((4, 3, 2))
    images[2, 1, 1] = np.nan
    return images


SPLITS = {
    "rank": (
        Split(np.zeros((4, 6), np.uint8), LABELS),
        "here images have shape (4, 6); [n h w] or [n h w c] is needed",
    ),
    "empty": (
        Split(IMAGES[:0], LABELS[:0]),
        "here is empty, with images of shape (0, 3, 2, 1)",
    ),
    "nan": (
        Split(nan_images(), LABELS),
        "here image 2 holds NaN pixels; remove or mend it",
    ),
    "range": (
        Split(np.linspace(-1, 255, 24).reshape(4, 3, 2), LABELS),
        "here float pixels range from -1 to 255; scale them to [0, 1], or give uint8",
    ),
    "infinite": (
        Split(np.where(IMAGES == 0, np.inf, 0), LABELS),
        "here float pixels range from inf to inf; scale them to [0, 1], or give uint8",
    ),
    "type": (
        Split(IMAGES.astype(np.int64), LABELS),
        "here pixels are int64; uint8, or float in [0, 1], is needed",
    ),
    "true_or_false": (
        Split(np.arange(24, dtype=np.uint8).reshape(4, 3, 2) % 2, LABELS),
        "here uint8 pixels are 0 and 1 alone, of 255; give 255 x, or x as float",
    ),
    "one_hot": (
        Split(IMAGES, np.eye(4)),
        "here labels have shape (4, 4); one whole number per image is needed",
    ),
    "count": (
        Split(IMAGES, LABELS[:3]),
        "here has 4 images but 3 labels; one per image is needed",
    ),
    "float_labels": (
        Split(IMAGES, LABELS + 0.5),
        "here labels are float64; integers are needed",
    ),
    "negative": (
        Split(IMAGES, LABELS - 1),
        "here labels go down to -1; they must start from 0",
    ),
    "huge": (
        Split(IMAGES, LABELS + 2**31),
        "here labels go up to 2147483649; they must fit 32 bits",
    ),
    "groups": (
        Split(IMAGES, LABELS, LABELS[:1]),
        "here has 4 images but 1 groups; one per image is needed",
    ),
}


FIRST = [
    ((3, 32, 32), True),
    ((1, 28, 28), True),
    ((4, 16, 16), True),
    ((3, 32, 40), True),
    ((1, 5, 7), True),
    ((2, 34, 34), True),
    ((13, 64, 64), True),
    ((13, 8, 8), True),
    ((32, 32, 3), False),
    ((28, 28, 1), False),
    ((3, 32, 1), False),  # as documented: 3 pixels high, one channel
    ((3, 32, 3), False),
    ((3, 3, 3), False),
    ((1, 1, 1), False),
    ((64, 64, 13), False),
    ((64, 48, 13), False),
    ((8, 8, 13), False),
    ((4, 4, 13), False),
    ((3, 3, 12), False),
    ((13, 13, 13), False),
    ((10, 12, 224), False),
]


@pytest.mark.parametrize("shape, refused", FIRST, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_first(shape, refused, dtype):
    images = np.zeros((4, *shape), dtype)
    if not refused:
        assert checked_split(Split(images, LABELS), "here").images.shape[1:] == shape
        return
    with pytest.raises(InputError) as error:
        checked_split(Split(images, LABELS), "here")
    assert str(error.value) == (
        f"here images have shape {images.shape}, which suggests channels first; "
        "[n h w c] is needed: x.transpose(0, 2, 3, 1)"
    )
    turned = images.transpose(0, 2, 3, 1)
    assert checked_split(Split(turned, LABELS), "here").images.shape[3] == shape[0]


def test_images_along_the_last_axis():
    with pytest.raises(InputError) as error:
        checked_split(Split(np.zeros((6, 6, 3, 20)), np.arange(20)), "here")
    assert str(error.value) == (
        "here has 6 images but 20 labels; one per image is needed; of [h w c n] give "
        "x.transpose(3, 0, 1, 2)"
    )


@pytest.mark.parametrize("split, expected", SPLITS.values(), ids=SPLITS)
def test_split_message(split, expected):
    with pytest.raises(InputError) as error:
        checked_split(split, "here")
    assert str(error.value) == expected


def split(labels, shape=(3, 2, 1), groups=None):
    labels = np.array(labels, np.int32)
    return Split(np.zeros((len(labels), *shape), np.uint8), labels, groups)


PROBLEMS = {
    "one_class": (
        (split([0, 0]), split([0]), ("a",)),
        "src has one class only, 'a'; at least 2 are needed",
    ),
    "twice": (
        (split([0, 1]), split([0, 1]), ("a", "a")),
        "src names two classes 'a'; give each its own",
    ),
    "unseen": (
        (split([0, 2]), split([0, 1, 2]), ("a", "b", "c")),
        "class 'b' of src is absent in train; give train images of it, or leave it out "
        "of test",
    ),
    "absent": (
        (split([0, 1]), split([0]), ("a", "b")),
        "class 'b' of src is absent in test; every training class needs test images",
    ),
    "shapes": (
        (split([0, 1]), split([0, 1], (3, 3, 1)), ("a", "b")),
        "src has training images of shape (3, 2, 1) but test images of shape "
        "(3, 3, 1); they must be alike",
    ),
    "groups": (
        (split([0, 1], groups=np.array([0, 0])), split([0, 1]), ("a", "b")),
        "src has groups in one of train and test only; give both or neither",
    ),
}


@pytest.mark.parametrize("parts, expected", PROBLEMS.values(), ids=PROBLEMS)
def test_classes_message(parts, expected):
    with pytest.raises(InputError) as error:
        check_classes(*parts, "src")
    assert str(error.value) == expected


def test_good_split_passes():
    out = checked_split(Split(np.ones((4, 3, 2)), LABELS.astype(np.uint8)), "here")
    assert out.images.dtype == np.uint8 and out.images.shape == (4, 3, 2, 1)
    assert out.labels.dtype == np.int32 and (out.images == 255).all()
    check_classes(out, out, ("a", "b"), "src")


def test_require_per_class():
    data = load("digits")
    fewest = np.bincount(data.train.labels).min()
    require_per_class(data, fewest)
    short = load("digits", num_classes=2)._replace(
        train=split([0, 0, 0, 0, 1, 1, 1]), class_names=("o", "x")
    )
    with pytest.raises(InputError) as error:
        require_per_class(short, 4)
    assert str(error.value) == (
        "class 'x' of digits has 3 training images, 4 needed; "
        "at most 3 per class are possible"
    )


def test_floats_may_leave_the_range_by_rounding():
    images = np.float32([[-1e-7, 0.5], [1, 1 + 1e-6]])[None, ..., None]
    found = checked_split(Split(images, LABELS[:1]), "here").images
    assert found.dtype == np.uint8 and found.ravel().tolist() == [0, 128, 255, 255]
