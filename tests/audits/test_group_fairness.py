"""Equalised odds, demographic parity and accuracy of groups against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.group_fairness import (
    by_group,
    demographic_parity,
    equalised_odds,
    record,
)
from dd_jax.types import InputError

summarise = lambda values: {"mean": float(np.mean(values)), "n": len(values)}


def test_equalised_odds_has_the_golden_values():
    """Two groups, two classes, TPR rows (.9, .8) and (.6, .8)."""
    rates = {(0, 0): 9, (0, 1): 8, (1, 0): 6, (1, 1): 8}
    rows = [(g, c, c if i < right else 1 - c)
            for (g, c), right in rates.items() for i in range(10)]  # fmt: skip
    groups, labels, predictions = np.array(rows).T
    deo_max, deo_mean = equalised_odds(predictions, labels, groups, 2)
    assert deo_max == pytest.approx(0.30) and deo_mean == pytest.approx(0.15)
    stacked = equalised_odds(np.stack([labels, predictions]), labels, groups, 2)
    np.testing.assert_allclose(stacked, [[0, 0.30], [0, 0.15]])


def test_equalised_odds_leaves_out_what_cannot_be_compared():
    # class 0: groups 3 and 7 (rates 1, 0); class 1: group 7 alone; class 2: no rows
    labels = np.array([0, 0, 1, 1])
    groups = np.array([3, 7, 7, 7])
    deo_max, deo_mean = equalised_odds(np.array([0, 1, 1, 0]), labels, groups, 3)
    assert (deo_max, deo_mean) == (1.0, 1.0)
    with pytest.raises(InputError, match="no class has test rows of two groups"):
        equalised_odds(labels, labels, labels, 3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), k=st.integers(2, 4), g=st.integers(2, 4))
def test_equalised_odds_equals_a_plain_loop(seed, k, g):
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, k, 60), rng.integers(0, g, 60)
    predictions = rng.integers(0, k, 60)
    gaps = []
    for c in range(k):
        rates = [
            (predictions[cell] == c).mean()
            for group in range(g)
            if (cell := (labels == c) & (groups == group)).any()
        ]
        if len(rates) >= 2:
            gaps.append(max(rates) - min(rates))
    expected = max(gaps), np.mean(gaps)
    np.testing.assert_allclose(equalised_odds(predictions, labels, groups, k), expected)


def test_demographic_parity_by_hand():
    """Class 0 is predicted for .5, .25 and 1 of the groups; class 1 for the others."""
    groups = np.repeat([2, 5, 9], 4)
    predictions = np.array([0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    assert demographic_parity(predictions, groups, 2) == pytest.approx(0.75)
    assert demographic_parity(predictions, np.zeros(12, int), 2) == 0
    # a network that is right has the gap of the labels themselves
    assert demographic_parity(np.array([0, 0, 1]), np.array([0, 0, 1]), 2) == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), k=st.integers(2, 4), g=st.integers(1, 4))
def test_parity_and_accuracy_equal_plain_loops(seed, k, g):
    rng = np.random.default_rng(seed)
    labels, predictions = rng.integers(0, k, 40), rng.integers(0, k, (3, 40))
    groups = 10 * rng.integers(0, g, 40)
    for net, found in zip(predictions, demographic_parity(predictions, groups, k)):
        gaps = []
        for c in range(k):
            shares = [np.mean(net[groups == group] == c) for group in set(groups)]
            gaps.append(max(shares) - min(shares))
        assert found == pytest.approx(max(gaps))
    accuracy = by_group(predictions == labels, groups)
    assert [*accuracy] == sorted(set(groups))
    for group, values in accuracy.items():
        rows = groups == group
        expected = [np.mean(net[rows] == labels[rows]) for net in predictions]
        np.testing.assert_allclose(values, expected)
    weights = [(groups == group).mean() for group in accuracy]
    whole = (predictions == labels).mean(1)
    np.testing.assert_allclose(weights @ np.stack([*accuracy.values()]), whole)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_names_of_groups_and_order_of_rows_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    labels, predictions = np.arange(60) % 3, rng.integers(0, 3, (2, 60))
    groups, order = rng.integers(0, 2, 60), rng.permutation(60)
    first = record(predictions, labels, groups, 3, summarise)
    other = record(
        predictions[:, order], labels[order], 7 - groups[order], 3, summarise
    )
    assert first.pop("by_group").keys() == {"0", "1"}
    assert other.pop("by_group").keys() == {"6", "7"}
    for key, value in first.items():
        assert value == pytest.approx(other[key]), key


def test_record_of_two_nets():
    labels, groups = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    predictions = np.array([[0, 0, 1, 0], [1, 1, 1, 1]])
    assert record(predictions, labels, groups, 2, summarise) == {
        "deo_max": {"mean": 0.5, "n": 2},  # net 0: class 1, groups 1 and 0
        "deo_mean": {"mean": 0.25, "n": 2},
        "demographic_parity": {"mean": 0.25, "n": 2},  # net 0: half and all
        "worst_group": {"mean": 0.5, "n": 2, "of_mean": 0.5},
        "by_group": {"0": {"mean": 0.75, "n": 2}, "1": {"mean": 0.5, "n": 2}},
        "smallest_cell": 1,
    }


def test_a_class_without_rows_of_a_group_has_the_smallest_cell():
    labels, groups = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 0, 0])
    assert record(labels[None], labels, groups, 2, summarise)["smallest_cell"] == 0


def test_a_network_that_sees_only_colours_has_the_largest_odds():
    """Balanced test colours: it is right on its own class alone."""
    labels, groups = np.repeat([0, 1], 20), np.tile([0, 1], 20)
    part = record(groups[None], labels, groups, 2, summarise)
    assert part["deo_max"]["mean"] == part["deo_mean"]["mean"] == 1
    assert part["demographic_parity"]["mean"] == 1
    assert part["worst_group"]["mean"] == 0.5
