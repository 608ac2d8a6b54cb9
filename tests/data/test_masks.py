"""Membership masks: exact halves, complements, stratification."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data.masks import initial_masks, membership_masks
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
        "class 1 has 5 training images, so half of the data holds 2 of them, 3 needed; "
        "at least 6 are needed"
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(4, 9), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(0, 2**31),
)
def test_first_images_come_from_one_list_that_pairs_halve(counts, pairs, ipc, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    chosen = initial_masks(seed, labels, pairs, ipc)
    listed = chosen.any(0)
    assert (np.bincount(labels[listed]) == 2 * ipc).all()
    assert all((np.bincount(labels[row]) == ipc).all() for row in chosen)
    np.testing.assert_array_equal(chosen[::2, listed], ~chosen[1::2, listed])


def test_the_list_is_drawn_and_the_halves_differ():
    labels = np.arange(40) % 2
    first, other = (initial_masks(seed, labels, 30, 3) for seed in (0, 1))
    assert (first.any(0) != other.any(0)).any()
    share = first[::2][:, first.any(0)].mean(0)
    assert 0.2 < share.min() and share.max() < 0.8  # 3.3 standard errors of 30 coins


def test_class_too_small_for_the_list():
    with pytest.raises(InputError, match="class 1 has 5 training images; the list"):
        initial_masks(0, np.array([0] * 8 + [1] * 5), 1, 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 20))
def test_preferred_initial_rows_are_listed_first_and_halved(seed, ipc, count):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(60) % 3)
    preferred = np.zeros(60, bool)
    preferred[rng.choice(60, count, replace=False)] = True
    chosen = initial_masks(seed, labels, 4, ipc, preferred)
    listed = chosen.any(0)
    np.testing.assert_array_equal(chosen[::2, listed], ~chosen[1::2, listed])
    for c in range(3):
        most = min(2 * ipc, np.sum(preferred & (labels == c)) // 2 * 2)
        assert np.sum(listed & preferred & (labels == c)) == most
        for row in chosen:
            assert np.sum(row & (labels == c)) == ipc
            assert np.sum(row & preferred & (labels == c)) == most // 2
