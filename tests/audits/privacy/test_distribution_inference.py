"""Distribution inference: rows of the two distributions, and guesses of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy.distribution_inference import (
    SHARES,
    accuracy_of_guesses,
    side_of,
    statistics,
    subsets,
    two_most_frequent,
)
from dd_jax.types import InputError


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=80), st.integers(0, 99))
def test_rows_have_the_shares_and_models_the_same_number(values, seed):
    values = np.array(values)
    if len(np.unique(values)) < 2:
        return
    side = side_of(values, two_most_frequent(values))
    member = subsets(side, np.zeros_like(side), 6, seed)
    assert len(set(member.sum(1))) == 1
    total = int(min((side == 0).sum(), (side == 1).sum()) / (2 * SHARES[1]))
    for i, row in enumerate(member):
        assert (row & (side == 0)).sum() == round(SHARES[i % 2] * total)
        assert (row & (side >= 0)).sum() == total
        assert (row & (side < 0)).sum() == (side < 0).sum() // 2


def test_strata_keep_their_sizes():
    rng = np.random.default_rng(0)
    side, strata = rng.integers(0, 2, 400), rng.integers(0, 4, 400)
    member = subsets(side, strata, 4, 1)
    sizes = np.stack([np.bincount(strata[row], minlength=4) for row in member])
    assert (sizes == sizes[0]).all() and sizes.min() > 10
    for stratum in range(4):
        share = side[member[0] & (strata == stratum)].mean()  # of the second value
        assert share == pytest.approx(1 - SHARES[0], abs=0.05)


def test_a_stratum_that_lacks_a_value_gives_half_of_its_rows():
    side, strata = np.array([0] * 20 + [0, 1] * 20), np.array([5] * 20 + [7] * 40)
    member = subsets(side, strata, 4, 1)
    assert (member[:, :20].sum(1) == 10).all()
    assert (member[:, 20:].sum(1) == int(20 / 1.4)).all()


def test_models_of_one_distribution_have_different_rows():
    side = np.arange(200) % 2
    member = subsets(side, np.zeros(200, int), 8, 0)
    assert len({row.tobytes() for row in member}) == 8


def test_the_statistic_is_the_difference_of_means():
    odds = np.array([[1.0, 2.0, 4.0, 9.0], [0.0, 0.0, 3.0, 5.0]])
    side = np.array([0, 0, 1, -1])
    np.testing.assert_allclose(statistics(odds, side), [1.5 - 4.0, -3.0])


@pytest.mark.parametrize("sign", [1, -1])
def test_distributions_that_differ_are_guessed_and_the_same_ones_are_not(sign):
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(2000, 2))
    apart = accuracy_of_guesses((sign * (noise + [0.0, 2.0])).ravel())
    assert apart["mean"] == pytest.approx(0.8413, abs=0.03)  # Phi(1)
    same = accuracy_of_guesses(noise.ravel())
    assert same["mean"] == pytest.approx(0.5, abs=0.04)
    assert apart["ci"][0] < apart["mean"] < apart["ci"][1] and apart["n"] == 4000


def test_one_class_alone_is_refused():
    with pytest.raises(InputError, match="two are needed"):
        two_most_frequent(np.zeros(5, int))
