"""Groups by clusters: fitted on train alone, found again in test, bad input."""

import re

import numpy as np
import pytest
from tiny import npz

from dd_jax.data import load
from dd_jax.data.small_images import small_images
from dd_jax.types import InputError


def test_every_row_is_in_the_group_of_the_nearest_training_mean():
    data = load("digits", validation=0.2, groups="clusters:4")
    train = data.train
    assert set(train.groups) == set(range(4))
    assert train.groups.dtype == np.int32
    pixels = small_images(train.images)
    of_class = np.stack([pixels[train.labels == c].mean(0) for c in range(10)])
    less = lambda split: small_images(split.images) - of_class[split.labels]
    means = [less(train)[train.groups == g].mean(0) for g in range(4)]
    for split in (train, data.validation, data.test):
        distances = np.square(less(split)[:, None] - means).sum(-1)
        nearest = distances.argmin(1)
        assert (nearest == split.groups).mean() > 0.99  # centres have not quite settled


def test_groups_of_train_do_not_depend_on_test(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (18, 8, 8)).astype(np.uint8)
    sources = [npz(tmp_path / "a.npz"), npz(tmp_path / "b.npz", x_test=pixels)]
    one, two = (load(source, groups="clusters:3") for source in sources)
    np.testing.assert_array_equal(one.train.groups, two.train.groups)


def test_most_classes_have_rows_of_every_cluster():
    test = load("digits", groups="clusters:2").test
    cells = np.zeros((10, 2), int)
    np.add.at(cells, (test.labels, test.groups), 1)
    assert (cells.min(1) >= 5).sum() >= 8, cells


def test_clusters_find_a_style_that_every_class_has(tmp_path):
    """Half of all digits are drawn black on white."""
    (x, y, _), (x_test, y_test, _), *_ = load("digits", num_classes=4)
    turned = lambda images: np.where(
        (np.arange(len(images)) % 2)[:, None, None],
        images[..., 0],
        255 - images[..., 0],
    )
    arrays = {"x_train": turned(x), "y_train": y, "x_test": turned(x_test)}
    source = npz(tmp_path / "a.npz", **arrays, y_test=y_test)
    found = load(source, groups="clusters:2").test
    same = (found.groups == np.arange(len(x_test)) % 2).mean()
    assert max(same, 1 - same) > 0.95


@pytest.mark.parametrize(
    "groups", ["cluster:3", "clusters:1", "clusters:", "clusters:-2"]
)
def test_bad_input(groups):
    words = f"data.groups={groups!r}: must be given, or clusters:K with K at least 2"
    with pytest.raises(InputError, match=re.escape(words)):
        load("digits", groups=groups)


def test_more_clusters_than_rows(tmp_path):
    with pytest.raises(InputError, match=r"clusters:26: there are 25 training images"):
        load(npz(tmp_path / "a.npz"), groups="clusters:26")


def test_rows_that_are_the_means_of_their_classes_make_no_clusters(recwarn):
    with pytest.raises(InputError, match="make only 1; take fewer clusters or more"):
        load("digits", rows=10, groups="clusters:2")
    assert not recwarn.list
