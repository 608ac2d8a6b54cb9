"""Initial images that are drawn from every group of a class."""

import jax
import numpy as np
import pytest

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.parametrisation import initial_images
from dd_jax.distill.parametrisation.initial_images import balanced
from dd_jax.models import build
from dd_jax.types import InputError

GROUPS = np.array([0] * 7 + [1] * 2 + [2] + [0] * 10)  # of class 0, then of class 1
LABELS = np.repeat([0, 1], 10)


def drawn(ipc, seed=0, groups=GROUPS):
    """Rows of the initial images, each known by its brightness: `i64[2 ipc]`."""
    images = np.arange(20, dtype=np.uint8)[:, None, None, None]
    real = real_data(images, LABELS, groups=groups)
    found = balanced(jax.random.key(seed), real, ipc, lambda pixels: pixels)
    assert found.shape == (2, ipc, 1, 1, 1)
    return np.rint(np.asarray(found) * 255).astype(int).reshape(2, ipc)


def test_groups_of_a_class_have_equal_numbers_until_they_have_no_more():
    expected = {3: [1, 1, 1], 5: [2, 2, 1], 7: [4, 2, 1], 10: [7, 2, 1]}
    for ipc, counts in expected.items():
        first, second = drawn(ipc)
        assert np.bincount(GROUPS[first], minlength=3).tolist() == counts
        assert set(LABELS[first]) == {0} and set(LABELS[second]) == {1}
        assert len(set(first)) == len(set(second)) == ipc


def test_which_rows_and_which_groups_is_left_to_chance():
    found = [tuple(drawn(2, seed)[0]) for seed in range(40)]
    of_two = [tuple(sorted(GROUPS[list(rows)])) for rows in found]
    assert len(set(found)) > 10 and set(of_two) == {(0, 1), (0, 2), (1, 2)}


def test_a_small_class_does_not_limit_the_others():
    images = np.arange(20, dtype=np.uint8)[:, None, None, None]
    labels = np.repeat([0, 1, 2], [3, 10, 7])
    real = real_data(images, labels, groups=labels % 2)
    for init in (balanced, initial_images.real, initial_images.kmeans):
        found = init(jax.random.key(0), real, 8, lambda pixels: pixels)
        rows = np.rint(np.asarray(found) * 255).astype(int).reshape(3, 8)
        assert [len(set(own)) for own in rows] == [3, 8, 7]
        assert all((labels[own] == c).all() for c, own in enumerate(rows))
        assert (rows[0, 3:] == rows[0, [0, 1, 2, 0, 1]]).all()


def test_a_small_class_repeats_its_images_and_no_groups_are_refused():
    first = drawn(12)[0]
    assert len(set(first)) == 10 and (first[10:] == first[:2]).all()
    with pytest.raises(InputError, match="no groups; take real"):
        drawn(2, groups=None)


@pytest.mark.parametrize(
    "name, mean, std",
    [("dm", 0.4, 0.3)] + [(name, 0.410, 0.270) for name in ("idc", "dance", "ncfm")],
)
def test_noise_is_as_bright_as_the_data(name, mean, std):
    """As pixels it is clipped to [0, 1]."""
    model = build("mlp", 2, (8, 8, 1), mean=(0.4,), std=(0.3,))
    real = real_data(np.zeros((20, 8, 8, 1), np.uint8), LABELS)
    tiles = {} if name == "dm" else {"factor": 1}
    method = METHODS[name](model, ipc=50, init="noise", **tiles)
    images = method.read(method.init(jax.random.key(0), real)).images
    assert float(images.mean()) == pytest.approx(mean, abs=0.02)
    assert float(images.std()) == pytest.approx(std, abs=0.02)
