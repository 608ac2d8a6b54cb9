"""Membership masks: exact halves, complements, stratification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data.masks import membership_masks
from dd_jax.types import InputError


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
def test_halves(counts, pairs, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    member = membership_masks(seed, labels, pairs)
    n = labels.size
    assert member.shape == (2 * pairs, n) and member.dtype == bool
    np.testing.assert_array_equal(member.sum(1), n // 2)
    seen = member.reshape(pairs, 2, n).sum(1)
    assert seen.max() <= 1
    np.testing.assert_array_equal((seen == 0).sum(1), n % 2)
    for c, count in enumerate(counts):
        inside = member[:, labels == c].sum(1)
        assert set(inside) <= {count // 2, count - count // 2}


def test_each_row_is_a_member_half_of_the_time():
    labels = np.arange(40) % 4
    share = membership_masks(0, labels, 400)[::2].mean(0)
    assert np.abs(share - 0.5).max() < 0.1  # 4 standard errors of 400 coin flips


def test_rows_left_out_differ_between_pairs():
    member = membership_masks(0, np.zeros(5, int), 60)
    left_out = (~(member[::2] | member[1::2])).sum(0)
    assert left_out.sum() == 60 and left_out.min() > 0


def test_reproducible_and_extendable():
    labels = np.arange(20) % 2
    member = membership_masks(3, labels, 4)
    np.testing.assert_array_equal(member, membership_masks(3, labels, 4))
    np.testing.assert_array_equal(member[:4], membership_masks(3, labels, 2))
    assert (member != membership_masks(4, labels, 4)).any()


def test_class_too_small():
    with pytest.raises(InputError) as error:
        membership_masks(0, np.array([0] * 8 + [1] * 5), 1, at_least=3)
    assert str(error.value) == (
        "class 1 has 5 training images, so half of the data holds 2 of them, 3 asked "
        "for; at least 6 are needed"
    )
