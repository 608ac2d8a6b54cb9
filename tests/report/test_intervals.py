import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from dd_jax.report.intervals import (
    bootstrap_interval,
    clopper_pearson,
    mean_interval,
    two_way_bootstrap,
    wilson,
)
from dd_jax.types import InputError


def test_mean_interval_golden():
    # s = 1, t_{2, 0.975} = 4.302653, half width 4.302653 / sqrt(3) = 2.484138
    row = mean_interval([1.0, 2.0, 3.0])
    assert row["mean"] == 2.0 and row["n"] == 3
    np.testing.assert_allclose(row["ci"], [2 - 2.484138, 2 + 2.484138], atol=1e-6)


def test_mean_interval_at_another_confidence():
    # t_{2, 0.95} = 2.919986
    low, high = mean_interval([1.0, 2.0, 3.0], confidence=0.9)["ci"]
    assert high - low == pytest.approx(2 * 2.919986 / np.sqrt(3), abs=1e-5)


@pytest.mark.parametrize("bad", [[], [0.5, float("nan")], [float("inf")]])
def test_mean_interval_refuses(bad):
    with pytest.raises(InputError, match="need one or more finite values"):
        mean_interval(bad)


def test_mean_interval_covers():
    rng = np.random.default_rng(0)
    rows = [mean_interval(sample)["ci"] for sample in rng.normal(1, 2, (2000, 4))]
    share = np.mean([low <= 1 <= high for low, high in rows])
    assert abs(share - 0.95) < 0.015  # three standard errors of 2000 trials


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (60, 100, 0.497209, None),
        (5, 100, None, 0.112835),
        (0, 10, 0.0, 0.308497),  # 1 - 0.025 ** 0.1
        (10, 10, 0.691503, 1.0),
        (1, 1000, 2.5318e-5, 5.5589e-3),
    ],
)
def test_clopper_pearson_golden(k, n, low, high):
    for bound, golden in zip(clopper_pearson(k, n), (low, high)):
        assert golden is None or bound == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize(("k", "n"), [(60, 100), (5, 100), (1, 3)])
def test_clopper_pearson_inverts_the_binomial_tails(k, n):
    def mass(p, counts):
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in counts)

    low, high = clopper_pearson(k, n)
    assert mass(low, range(k, n + 1)) == pytest.approx(0.025, abs=1e-9)
    assert mass(high, range(k + 1)) == pytest.approx(0.025, abs=1e-9)


counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=30, deadline=None)
@given(counts)
def test_clopper_pearson_matches_scipy_and_mirrors(pair):
    k, n = pair
    low, high = clopper_pearson(k, n)
    expected = binomtest(k, n).proportion_ci(method="exact")
    np.testing.assert_allclose((low, high), expected, atol=1e-9)
    np.testing.assert_allclose(clopper_pearson(n - k, n), [1 - high, 1 - low])


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_clopper_pearson_refuses(k, n):
    with pytest.raises(InputError, match="need 0 <= successes <= trials"):
        clopper_pearson(k, n)


@settings(max_examples=30, deadline=None)
@given(counts)
def test_wilson_matches_scipy(pair):
    k, n = pair
    centre, half = wilson(k / n, n)
    expected = binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose((centre - half, centre + half), expected, atol=1e-9)


@pytest.mark.parametrize(("proportion", "trials"), [(0.5, 0), (-0.1, 5), (1.1, 5)])
def test_wilson_refuses(proportion, trials):
    with pytest.raises(InputError, match="need a proportion in"):
        wilson(proportion, trials)


def test_two_way_bootstrap_draws_rows_and_columns_apart():
    drawn = list(two_way_bootstrap(np.random.default_rng(0), 4, 50, 400))
    rows, columns = map(np.stack, zip(*drawn))
    assert (rows.sum(1) == 4).all() and (columns.sum(1) == 50).all()
    # a multinomial count of 1 on average has variance 1 - 1/n
    np.testing.assert_allclose(rows.var(0), 3 / 4, atol=0.25)
    np.testing.assert_allclose(columns.var(0).mean(), 49 / 50, atol=0.06)
    assert abs(np.corrcoef(rows[:, 0], columns[:, 0])[0, 1]) < 0.2


def test_bootstrap_interval_golden():
    replicates = [[0.4, 0.9], [0.6, 1.1], [0.5, np.nan]]  # deviations 0.1, sqrt(0.02)
    low, high = bootstrap_interval(np.array([0.5, 1.0]), replicates, units=3)
    np.testing.assert_allclose(low, [0.5 - 0.430265, 1 - 4.302653 * 0.02**0.5], 1e-5)
    np.testing.assert_allclose(high, [0.5 + 0.430265, 1.0], 1e-5)
    low, _ = bootstrap_interval(np.array([0.5, 1.0]), replicates, units=1)
    np.testing.assert_allclose(low[0], 0.5 - 0.1959964, 1e-6)


def test_bootstrap_interval_covers_a_mean():
    """Shares of 12 units: 95 % coverage within 4 standard errors of 300 trials."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(300):
        sample = rng.beta(2, 2, 12)
        drawn = sample[rng.integers(0, 12, (200, 12))].mean(1)[:, None]
        low, high = bootstrap_interval(sample.mean()[None], drawn, units=12)
        covered += low[0] <= 0.5 <= high[0]
    assert abs(covered / 300 - 0.95) < 0.05
