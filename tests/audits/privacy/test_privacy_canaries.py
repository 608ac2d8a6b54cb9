"""Canaries: what changes, what stays, and who gets them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy.canaries import (
    COPIES,
    KINDS,
    NEAR,
    canary_masks,
    insert_canaries,
)
from dd_jax.audits.privacy.membership import audited_rows
from dd_jax.types import InputError, Split

CLASSES, N = 3, 90
NEAR_DUPLICATE = KINDS.index("near_duplicate")


def split(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), N // CLASSES)
    images = rng.integers(0, 256, (N, 4, 4, 1), dtype=np.uint8)
    return Split(images, labels, np.arange(N, dtype=np.int32))


def test_none_change_nothing():
    dataset = insert_canaries(0, split(), 0)
    for before, after in zip(split(), dataset.split):
        np.testing.assert_array_equal(before, after)
    assert (dataset.kind == -1).all()
    np.testing.assert_array_equal(dataset.source, np.arange(N))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([2, 4, 6]))
def test_each_kind_is_what_its_name_says(seed, count):
    before, dataset = split(), insert_canaries(seed, split(), count)
    images, labels, groups = dataset.split
    same_image = (images[:N] == before.images).all((1, 2, 3))
    same_label = labels[:N] == before.labels
    wrong, strange, double = (dataset.kind == k for k in range(3))
    assert wrong.sum() == strange.sum() == double.sum() == count
    np.testing.assert_array_equal(same_label, ~wrong)
    np.testing.assert_array_equal(same_image, ~strange)
    assert len(images) == N + (COPIES - 1) * count and labels.max() < CLASSES
    for row in np.flatnonzero(double):
        copies = np.flatnonzero((images == before.images[row]).all((1, 2, 3)))
        assert len(copies) == COPIES
        assert (labels[copies] == labels[row]).all()
        assert (groups[copies] == row).all()
        np.testing.assert_array_equal(dataset.source[copies], row)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([2, 4]))
def test_halves_hold_as_many_rows_and_half_of_each_kind(seed, count):
    dataset = insert_canaries(seed, split(), count)
    own = canary_masks(seed, dataset, 3, at_least=5)
    member = own[:, dataset.source]
    np.testing.assert_array_equal(own[::2], ~own[1::2])
    assert len(set(member.sum(1))) == 1
    for k in range(3):
        assert (own[:, dataset.kind == k].sum(1) == count // 2).all()
    copies = dataset.source[N:]
    np.testing.assert_array_equal(member[:, N:], member[:, copies])


def test_same_seed_same_canaries():
    first, second, other = (insert_canaries(seed, split(), 4) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.split.images, second.split.images)
    assert not np.array_equal(first.kind, other.kind)


def test_near_duplicates_differ_by_little_and_stay_with_their_row():
    before, dataset = split(), insert_canaries(3, split(), 4, ("near_duplicate",))
    images = dataset.split.images.astype(int)
    np.testing.assert_array_equal(images[:N], before.images)
    np.testing.assert_array_equal(dataset.kind[dataset.source[N:]], NEAR_DUPLICATE)
    apart = np.abs(images[N:] - images[dataset.source[N:]])
    assert len(apart) == 4 * (COPIES - 1) and 0 < apart.max() <= NEAR
    assert (apart.reshape(len(apart), -1) > 0).any(1).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sets(st.sampled_from(KINDS), min_size=1))
def test_any_kinds_go_together_and_the_hardest_are_the_hardest_of_the_others(
    seed, kinds
):
    hardness = np.random.default_rng(seed).permutation(N).astype(float)
    dataset = insert_canaries(seed, split(), 4, tuple(kinds), hardness)
    found, counts = np.unique(dataset.kind, return_counts=True)
    assert {KINDS[k] for k in found if k >= 0} == kinds
    assert (counts[found >= 0] == 4).all()
    if "hardest" in kinds:
        chosen = dataset.kind == KINDS.index("hardest")
        assert hardness[chosen].min() > hardness[dataset.kind == -1].max()
        np.testing.assert_array_equal(
            dataset.split.labels[:N][chosen], split().labels[chosen]
        )
    without = insert_canaries(seed, split(), 4, tuple(kinds))
    drawn = without.kind >= 0
    np.testing.assert_array_equal(dataset.kind[drawn], without.kind[drawn])


def test_too_many_are_refused():
    with pytest.raises(InputError, match="with 90 training images at most 6 are"):
        insert_canaries(0, split(), 8)
    with pytest.raises(InputError, match="10 of them, 11 needed"):
        canary_masks(
            0, insert_canaries(0, split()._replace(labels=_uneven()), 2), 1, at_least=11
        )


def _uneven():
    """Half of a class of about 30 rows is fewer than 16, of 20 about 10."""
    return np.repeat(np.arange(3, dtype=np.int32), (48, 22, 20))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([2, 4]), st.integers(1, 4))
def test_a_fixed_bulk_is_in_all_models_and_each_canary_in_one_of_a_pair(
    seed, count, pairs
):
    hardness = np.random.default_rng(seed).random(N)
    dataset = insert_canaries(seed, split(), count, KINDS, hardness)
    own = canary_masks(seed, dataset, pairs, at_least=5, fixed_bulk=True)
    canary = dataset.kind >= 0
    assert canary.sum() == count * len(KINDS)
    assert own[:, ~canary].all()
    np.testing.assert_array_equal(own[::2, canary], ~own[1::2, canary])
    for k in range(len(KINDS)):
        assert (own[:, dataset.kind == k].sum(1) == count // 2).all()
    assert len(set(own[:, dataset.source].sum(1))) == 1
    np.testing.assert_array_equal(audited_rows(own), np.flatnonzero(canary))


def test_each_canary_is_in_half_of_many_models_by_chance():
    """Two canaries of a kind go together in pairs as often as chance has it."""
    dataset = insert_canaries(0, split(), 6, ("mislabelled",))
    own = canary_masks(1, dataset, 500, at_least=1, fixed_bulk=True)[::2]
    first, second = own[:, np.flatnonzero(dataset.kind >= 0)[:2]].T
    assert abs(first.mean() - 0.5) < 4 * 0.5 / 500**0.5
    assert abs((first & second).mean() - 0.2) < 4 * 0.4 / 500**0.5  # 3/6 x 2/5


def test_a_bulk_that_is_too_small_is_refused():
    few = insert_canaries(0, split()._replace(labels=_uneven()), 2)
    with pytest.raises(InputError, match="beside canaries; at least 23 are needed"):
        canary_masks(0, few, 1, at_least=23, fixed_bulk=True)
