"""EL2N against a plain loop, and the rows that are hardest by it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy.el2n import el2n, hardest, most_hardest
from dd_jax.types import InputError


def naive_el2n(logits, labels):
    found = []
    for i, label in enumerate(labels):
        lengths = []
        for network in logits:
            odds = [np.exp(float(z)) for z in network[i]]
            error = [o / sum(odds) - (c == label) for c, o in enumerate(odds)]
            lengths.append(sum(e * e for e in error) ** 0.5)
        found.append(sum(lengths) / len(lengths))
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(2, 5))
def test_a_plain_loop_gives_the_same(seed, networks, classes):
    rng = np.random.default_rng(seed)
    logits = 5 * rng.normal(size=(networks, 7, classes)).astype(np.float32)
    labels = rng.integers(0, classes, 7)
    np.testing.assert_allclose(
        el2n(logits, labels), naive_el2n(logits, labels), atol=1e-14
    )


def test_sure_and_right_is_0_and_sure_and_wrong_the_root_of_2():
    logits = np.array([[[1e4, 0.0], [1e4, 0.0]]], np.float32)
    np.testing.assert_allclose(el2n(logits, np.array([0, 1])), [0, 2**0.5], atol=1e-12)


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="not finite; lower train.lr"):
        el2n(np.full((1, 2, 2), np.nan), np.zeros(2, int))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(8, 60))
def test_no_class_gives_more_than_a_quarter_and_none_that_is_left_is_harder(
    seed, classes, n
):
    rng = np.random.default_rng(seed)
    labels, hardness = rng.integers(0, classes, n), rng.permutation(n).astype(float)
    labels[:classes] = np.arange(classes)
    candidates = rng.random(n) < 0.8
    most = most_hardest(labels, candidates)
    count = rng.integers(0, most.sum() + 1)
    rows = hardest(hardness, labels, candidates, count)
    assert len(set(rows)) == count and candidates[rows].all()
    taken = np.bincount(labels[rows], minlength=classes)
    assert (taken <= most).all()
    for row in np.setdiff1d(np.flatnonzero(candidates), rows):
        full = taken[labels[row]] == most[labels[row]]
        assert full or not count or hardness[row] < hardness[rows].min()
