"""Imbalanced training sets: numbers of rows by formula, laws, bad input."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data import Bias, load
from dd_jax.data.imbalance import imbalanced_rows
from dd_jax.data.statistics import channel_statistics
from dd_jax.types import InputError


def counts(rows_of_class, kind, ratio, seed=0):
    labels = np.repeat(np.arange(len(rows_of_class)), rows_of_class)
    rows = imbalanced_rows(seed, labels, kind, ratio, "toy", "abcdefghij")
    return np.bincount(labels[rows], minlength=len(rows_of_class)).tolist()


def test_counts_are_those_of_published_long_tails():
    """CIFAR-10 at ratio 100: 5000 to 50 rows, as in the code of Cao et al. (2019)."""
    long_tail = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert counts([5000] * 10, "long_tail", 100) == long_tail
    assert counts([5000] * 10, "step", 100) == [5000] * 5 + [50] * 5
    assert counts([5000] * 10, "long_tail", 1) == [5000] * 10


def test_the_smallest_class_decides_where_rows_are_few():
    odd = [imbalanced_rows(0, np.arange(3).repeat(30), "step", 10, "toy", "abc")]
    assert np.bincount(np.arange(3).repeat(30)[odd[0]]).tolist() == [30, 30, 3]
    labels = np.repeat([0, 1, 2], [100, 100, 4])
    rows = imbalanced_rows(0, labels, "long_tail", 10, "toy", "abc")
    assert np.bincount(labels[rows]).tolist() == [40, 12, 4]  # 40 / 10 ** (c / 2)


@settings(max_examples=20, deadline=None)
@given(
    ratio=st.floats(1, 20), kind=st.sampled_from(["long_tail", "step"]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_larger_ratios_keep_a_part_of_the_same_rows(ratio, kind, seed):
    labels = np.random.default_rng(seed).permutation(np.arange(200) % 5)
    kept = lambda r: imbalanced_rows(seed, labels, kind, r, "toy", "abcde")
    rows, fewer = kept(ratio), kept(2 * ratio)
    assert set(fewer) <= set(rows) and (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, kept(ratio))
    n = np.bincount(labels[rows])
    assert (np.diff(n) <= 0).all() and n[0] == 40 and n[-1] == int(round(40 / ratio, 6))


def test_only_train_is_thinned():
    whole = load("digits", validation=0.25)
    data = load("digits", validation=0.25, bias=Bias("long_tail", 10))
    for split in ("test", "validation"):
        np.testing.assert_array_equal(
            getattr(data, split).images, getattr(whole, split).images
        )
    n = np.bincount(data.train.labels)
    assert n[0] / n[-1] == pytest.approx(10, rel=0.1)
    assert data.mean == channel_statistics(data.train.images)[0]
    assert data.notes == (
        f"train made imbalanced (long tail, ratio 10): from {n[0]} to {n[-1]} rows a "
        "class",
    )
    assert data.name == "digits (long tail 10)"
    assert data.checksum == load(
        "digits", validation=0.25, bias=Bias("long_tail", 10)
    ).checksum  # fmt: skip
    other = load("digits", seed=1, bias=Bias("long_tail", 10))
    assert other.checksum != load("digits", bias=Bias("long_tail", 10)).checksum
    assert load("digits", bias=Bias(imbalance_ratio=50)).checksum == (
        load("digits").checksum
    )


BAD = [
    (Bias("step", 0.5), "data.imbalance_ratio is 0.5; it must be a finite number, at"),
    (Bias("step", float("nan")), "data.imbalance_ratio is nan; it must be a finite"),
    (Bias("steps"), "data.imbalance is 'steps'; use one of none, long_tail, step"),
    (Bias("step", 1e4), "data.imbalance=step at data.imbalance_ratio=10000 leaves "
     "class '5' of digits empty; lower the ratio"),
]  # fmt: skip


@pytest.mark.parametrize("bias, words", BAD)
def test_bad_input(bias, words):
    with pytest.raises(InputError, match=re.escape(words)):
        load("digits", bias=bias)
