import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.intervals import mean_interval, proportion_interval
from dd_jax.types import InputError


def test_mean_interval_golden():
    # s = 1, t_{2, 0.975} = 4.302653, half width 4.302653 / sqrt(3) = 2.484138
    row = mean_interval([1.0, 2.0, 3.0])
    assert row["mean"] == 2.0 and row["n"] == 3
    np.testing.assert_allclose(row["ci"], [2 - 2.484138, 2 + 2.484138], atol=1e-6)


def test_mean_interval_at_another_level():
    # t_{2, 0.95} = 2.919986
    low, high = mean_interval([1.0, 2.0, 3.0], level=0.9)["ci"]
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
    ],
)
def test_proportion_interval_golden(k, n, low, high):
    row = proportion_interval(k, n)
    for bound, golden in zip(row["ci"], (low, high)):
        assert golden is None or bound == pytest.approx(golden, abs=1e-6)
    assert row["mean"] == k / n and row["n"] == n


@pytest.mark.parametrize(("k", "n"), [(60, 100), (5, 100), (1, 3)])
def test_proportion_interval_inverts_the_binomial_tails(k, n):
    def mass(p, counts):
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in counts)

    low, high = proportion_interval(k, n)["ci"]
    assert mass(low, range(k, n + 1)) == pytest.approx(0.025, abs=1e-9)
    assert mass(high, range(k + 1)) == pytest.approx(0.025, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_proportion_interval_mirrors_and_holds_the_mean(pair):
    k, n = pair
    low, high = proportion_interval(k, n)["ci"]
    assert 0 <= low <= k / n <= high <= 1
    mirrored = proportion_interval(n - k, n)["ci"]
    np.testing.assert_allclose(mirrored, [1 - high, 1 - low], atol=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_proportion_interval_refuses(k, n):
    with pytest.raises(InputError, match="need 0 <= successes <= n"):
        proportion_interval(k, n)
