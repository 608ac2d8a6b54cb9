"""Coloured sets: counts by class and colour, pixels, bad input."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import npz

from dd_jax.data import Bias, load
from dd_jax.data.colour_bias import PALETTE, assigned_colours, coloured
from dd_jax.types import InputError


def table(labels, colours, k):
    """Rows of each class and colour."""
    return np.bincount(labels * k + colours, minlength=k * k).reshape(k, k)


def test_counts_are_those_of_the_published_sets():
    """6000 rows a class at 0.9: 5400 of its own colour, 66 or 67 of each other."""
    labels = np.random.default_rng(0).permutation(np.arange(60_000) % 10)
    found = table(labels, assigned_colours(0, labels, 10, 0.9), 10)
    assert (np.diag(found) == 5400).all()
    others = found[~np.eye(10, dtype=bool)]
    assert set(others) == {66, 67} and (found.sum(1) == 6000).all()
    test = np.arange(10_000) % 10
    assert (table(test, assigned_colours(0, test, 10, 0.1), 10) == 100).all()


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 60), k=st.integers(2, 10), rho=st.floats(0, 1),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_own_colours_are_a_share_and_others_alike(n, k, rho, seed):
    labels = np.arange(n) % k
    found = table(labels, assigned_colours(seed, labels, k, rho), k)
    rows = np.bincount(labels, minlength=k)
    np.testing.assert_array_equal(np.diag(found), np.floor(np.round(rho * rows, 6)))
    for c in range(k):
        others = np.delete(found[c], c)
        assert others.max() - others.min() <= 1 and found[c].sum() == rows[c]


def test_balanced_colours_tell_nothing_of_the_class():
    labels = np.arange(700) % 7
    assert (table(labels, assigned_colours(3, labels, 7, 1 / 7), 7) >= 14).all()


def test_pixels_are_black_or_of_the_colour():
    grey = np.array([[0, 127], [128, 255]], np.uint8)[None, ..., None].repeat(2, 0)
    stroke = coloured(grey, np.array([3, 9]), "foreground")
    assert stroke.dtype == np.uint8 and stroke.shape == (2, 2, 2, 3)
    assert (stroke[:, 0] == 0).all()
    np.testing.assert_array_equal(stroke[:, 1, 0], [(255, 255, 128), (255, 255, 255)])
    around = coloured(grey, np.array([3, 9]), "background")
    np.testing.assert_array_equal(stroke + around, np.broadcast_to(
        PALETTE[[3, 9]][:, None, None], stroke.shape
    ))  # fmt: skip


def test_a_loaded_set_has_colours_as_groups_and_balanced_evaluation_rows():
    whole = load("digits", validation=0.2)
    data = load("digits", validation=0.2, bias=Bias(colour="background"))
    assert data.train.images.shape == (*whole.train.images.shape[:3], 3)
    own = np.mean(data.train.groups == data.train.labels)
    assert 0.88 < own <= 0.9
    for split in (data.test, data.validation):
        found = table(split.labels, split.groups, 10)
        assert found.max() - found.min() <= 2
        np.testing.assert_array_equal(
            split.images.any(-1), whole_of(whole, data, split) < 128
        )
    assert data.name == "digits (background colours 0.9)"
    assert len(data.mean) == 3 and data.mean != whole.mean * 3
    assert data.notes == (
        "background coloured: 90 % of train and 10 % of the evaluated rows of a class "
        "have its colour",
        "groups are colours",
    )
    other = load("digits", seed=1, bias=Bias(colour="background"))
    assert other.checksum != load("digits", bias=Bias(colour="background")).checksum


def test_groups_may_be_clusters_of_coloured_images_but_no_others(tmp_path):
    data = load("digits", bias=Bias(colour="background"), groups="clusters:3")
    assert set(data.train.groups) == {0, 1, 2}
    assert (
        data.notes[-1] == "groups are 3 clusters of images less the mean of their class"
    )
    groups = {"group_train": np.arange(25) % 2, "group_test": np.arange(18) % 2}
    source = npz(tmp_path / "a.npz", **groups)
    with pytest.raises(InputError, match="has groups of its own, which colours"):
        load(source, bias=Bias(colour="background"))


def whole_of(whole, data, split):
    return (whole.test if split is data.test else whole.validation).images[..., 0]


def test_what_is_imbalanced_is_coloured_class_by_class():
    data = load("digits", bias=Bias("long_tail", 5, "foreground", 0.8))
    found = table(data.train.labels, data.train.groups, 10)
    np.testing.assert_array_equal(np.diag(found), found.sum(1) * 8 // 10)
    assert found.sum(1)[0] > 4 * found.sum(1)[-1] and len(data.notes) == 3


def test_bad_input(tmp_path):
    rng = np.random.default_rng(0)
    pixels = lambda n: rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8)
    colour = npz(tmp_path / "a.npz", x_train=pixels(25), x_test=pixels(18))
    many = npz(
        tmp_path / "b.npz",
        y_train=np.arange(25) % 11,
        y_test=np.arange(18) % 11,
    )
    for source, bias, words in (
        (colour, Bias(colour="foreground"), "have 3 channels; grey ones, of one"),
        (many, Bias(colour="foreground"), "has 11 classes, but there are 10 colours"),
        ("digits", Bias(colour="front"), "data.colour is 'front'; use one of none, "),
        ("digits", Bias(colour="foreground", correlation=1.1), "data.correlation is"),
        ("digits", Bias(correlation=float("nan")), "data.correlation is nan; it must"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            load(source, bias=bias)
