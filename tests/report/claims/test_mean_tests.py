"""t-tests against SciPy; equivalence against its definition."""

import numpy as np
import pytest
from scipy import stats

from dd_jax.report.claims import mean_tests


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("bound", [-0.1, 0.0, 0.2])
def test_one_sided_tests_are_scipys(n, bound):
    values = np.random.default_rng(n).normal(0.1, 0.1, n)
    scipys = lambda side: stats.ttest_1samp(values, bound, alternative=side).pvalue
    assert mean_tests.above(values, bound) == pytest.approx(scipys("greater"))
    assert mean_tests.below(values, bound) == pytest.approx(scipys("less"))


def test_golden_by_hand():
    """Mean 2, s 1, n 3: t = 2 sqrt(3), and P(T_2 > t) = (1 - t / sqrt(2 + t^2)) / 2."""
    t = 2 * 3**0.5
    assert mean_tests.above([1, 2, 3]) == pytest.approx(
        (1 - t / (2 + t * t) ** 0.5) / 2
    )


def test_values_without_spread_are_no_evidence():
    assert mean_tests.above([0.3] * 3) == mean_tests.below([0.3] * 3, 0.9) == 1
    assert mean_tests.equivalent([[0.1, 0.1]] * 3, 0.05) == 1


def test_equivalence_needs_every_pair():
    rng = np.random.default_rng(0)
    close = rng.normal(0.5, 0.001, (5, 3))
    assert mean_tests.equivalent(close, 0.05) < 1e-4
    assert mean_tests.equivalent(close + [0, 0, 0.06], 0.05) > 0.9
    pairs = [close[:, j] - close[:, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    sides = [
        stats.ttest_1samp(gap, sign * 0.05, alternative=side).pvalue
        for gap in pairs
        for sign, side in ((-1, "greater"), (1, "less"))
    ]
    assert mean_tests.equivalent(close, 0.05) == pytest.approx(max(sides))


def test_the_largest_difference_has_an_interval_over_all_pairs():
    values = np.array([[0.1, 0.2, 0.5], [0.2, 0.2, 0.4], [0.1, 0.3, 0.6]])
    found = mean_tests.largest_difference(values)
    gap = values[:, 2] - values[:, 0]
    expected = stats.t.interval(1 - 0.05 / 3, 2, gap.mean(), stats.sem(gap))
    assert found["mean"] == pytest.approx(gap.mean()) and found["n"] == 3
    assert found["ci"] == pytest.approx(expected)
    assert mean_tests.largest_difference(values[:1])["ci"] is None
