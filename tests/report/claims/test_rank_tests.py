"""Page's and Friedman's exact tests against SciPy, naive lists and hand counts."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dd_jax.report.claims import rank_tests


def naive(values, statistic):
    """The share of all arrangements that score at least as high."""
    ranks = 2 * stats.rankdata(values, axis=1)
    arrangements = product(*(permutations(row) for row in ranks))
    found = [statistic(np.array(rows)) for rows in arrangements]
    return np.mean(np.array(found) >= statistic(ranks))


def page_statistic(ranks):
    return ranks.sum(0) @ np.arange(1, ranks.shape[1] + 1)


def friedman_statistic(ranks):
    return np.square(ranks.sum(0)).sum()


@pytest.mark.parametrize("seeds, levels", [(2, 4), (3, 3), (3, 4), (5, 3), (8, 4)])
def test_page_is_scipys_exact_test(seeds, levels):
    values = np.random.default_rng(seeds).normal(size=(seeds, levels))
    values += 0.4 * np.arange(levels)
    expected = stats.page_trend_test(values, method="exact").pvalue
    assert rank_tests.page(values) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=3))
def test_ties_are_as_in_the_list_of_all_arrangements(values):
    assert rank_tests.page(values) == pytest.approx(naive(values, page_statistic))
    expected = naive(values, friedman_statistic)
    assert rank_tests.friedman(values) == pytest.approx(expected)


def test_smallest_p_values_of_three_seeds():
    """What the documentation of the claims says that 3 seeds can show."""
    of = lambda levels, seeds=3: [list(range(levels))] * seeds
    assert rank_tests.page(of(3)) == pytest.approx(1 / 6**3)
    assert rank_tests.page(of(4)) == pytest.approx(1 / 24**3)
    assert rank_tests.friedman(of(3)) == pytest.approx(1 / 6**2)
    assert rank_tests.friedman(of(4)) == pytest.approx(1 / 24**2)
    assert rank_tests.friedman(of(3, 5)) == pytest.approx(1 / 6**4)


def test_golden_by_hand():
    """Two blocks of two: L is 10, 9, 9, 8 in four arrangements, so 3 of 4 reach 9."""
    assert rank_tests.page([[1, 2], [2, 1]]) == pytest.approx(3 / 4)
    assert rank_tests.friedman([[1, 2], [1, 2]]) == pytest.approx(1 / 2)


@pytest.mark.parametrize("test", [rank_tests.page, rank_tests.friedman])
def test_no_level_is_exceeded_under_the_null(test):
    """Over all arrangements, P(p <= a) is at most a, and equal at a that p takes."""
    rows = list(permutations(range(3)))
    p = np.array([test(np.array(blocks)) for blocks in product(rows, repeat=3)])
    for level in np.unique(p):
        assert np.mean(p <= level + 1e-12) == pytest.approx(level)


@pytest.mark.parametrize("test", [rank_tests.page, rank_tests.friedman])
def test_many_levels_are_drawn(test, monkeypatch):
    values = np.random.default_rng(4).normal(size=(3, 4)) + 0.3 * np.arange(4)
    exact = test(values)
    monkeypatch.setattr(rank_tests, "MOST_LEVELS", 3)
    assert test(values) == pytest.approx(exact, abs=0.015) and test(values) > 0
    assert test(values) == test(values)
