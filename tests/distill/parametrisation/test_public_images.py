"""Initial images from another data set."""

import jax
import numpy as np
import pytest

from dd_jax.data.fitting import with_channels
from dd_jax.distill import real_data
from dd_jax.distill.parametrisation.public_images import public
from dd_jax.types import InputError, Split

SAME = lambda pixels: pixels


def split(levels, each):
    """`each` images of every level, a little apart; labels are places of levels."""
    images = np.repeat(np.array(levels, np.uint8), each) + np.tile(
        np.arange(each, dtype=np.uint8), len(levels)
    )
    labels = np.repeat(np.arange(len(levels), dtype=np.int32), each)
    return Split(
        np.broadcast_to(images[:, None, None, None], (len(images), 2, 2, 1)), labels
    )


def starts(ipc, levels=(200, 0, 100), each=8, own=(10, 190), **options):
    data = split(own, 4)
    real = real_data(data.images, data.labels)
    source = split(levels, each)
    images = public(jax.random.key(0), real, ipc, SAME, public=source, **options)
    assert images.shape == (len(own), ipc, 2, 2, 1)
    return np.asarray(images)[..., 0, 0, 0] * 255


def test_free_takes_different_images_of_any_class():
    found = starts(12).round()
    assert len(np.unique(found)) == 24
    assert np.isin(found, split((200, 0, 100), 8).images[:, 0, 0, 0]).all()


def test_free_does_not_depend_on_the_private_rows():
    np.testing.assert_array_equal(starts(3), starts(3, own=(90, 5)))


def test_nearest_takes_the_class_with_the_nearest_mean():
    found = starts(8, classes="nearest")
    assert (found[0] < 50).all() and (found[1] > 150).all()
    assert len(np.unique(found.round())) == 16


def test_classes_that_share_a_nearest_one_take_turns_and_then_repeat():
    found = starts(3, own=(0, 5), each=8, classes="nearest").round()
    assert len(np.unique(found)) == 6
    found = starts(5, own=(0, 5), each=8, classes="nearest").round()
    assert len(np.unique(found)) == 8 and len(np.unique(found[1])) == 5


def test_too_few_public_images_are_refused():
    with pytest.raises(InputError, match="has 24 images; 2 classes of 13 need 26"):
        starts(13)


def test_channels_are_made_to_fit():
    grey = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    colour = with_channels(grey, 3)
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, -1))
    np.testing.assert_array_equal(with_channels(colour, 1), grey)
    red = np.zeros((1, 1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert with_channels(red, 1).item() == 76  # 0.299 * 255 = 76.2
    with pytest.raises(InputError, match="4 channels cannot be made into 3"):
        with_channels(np.zeros((1, 1, 1, 4), np.uint8), 3)
