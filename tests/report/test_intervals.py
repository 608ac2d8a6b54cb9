import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from dd_jax.report.intervals import (
    clopper_pearson,
    crossed_variance,
    difference,
    mean_interval,
    student_t_quantile,
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


def crossed(rng, rows, columns, of_row, of_column, of_cell):
    """Influences on the mean of a table with effects of rows, columns and cells."""
    table = of_row * rng.normal(size=(rows, 1)) + of_column * rng.normal(size=columns)
    table = table + of_cell * rng.normal(size=(rows, columns))
    return table.mean(), (table - table.mean()) / table.size


def test_crossed_variance_golden():
    """Effects of rows -1, 1 and of columns -3, 0, 3 on a mean, and nothing of cells."""
    table = np.add.outer([-1.0, 1.0], [-3.0, 0.0, 3.0]) / 6
    variance, degrees = crossed_variance(table)
    row, column = 2 / 2, 9 / 3  # s^2 / n of each
    assert variance == pytest.approx(row + column)
    expected = (row + column) ** 2 / (row**2 / 1 + column**2 / 2)
    assert degrees == pytest.approx(expected)
    alone = crossed_variance(np.array([[-3.0, 0.0, 3.0]]) / 3)
    assert alone == pytest.approx((column, 2.0))
    assert crossed_variance(np.zeros((4, 5))) == (0.0, 3.0)


@pytest.mark.parametrize(
    "sizes", [(0, 0, 1), (0.3, 0, 1), (0, 0.5, 1), (0.3, 0.5, 0)], ids=str
)
def test_crossed_variance_is_right_on_average(sizes):
    """Not three times the part of single cells; its floor adds at most 7 % here."""
    rng, rows, columns = np.random.default_rng(0), 10, 30
    found = [
        crossed_variance(crossed(rng, rows, columns, *sizes)[1])[0] for _ in range(1500)
    ]
    of_row, of_column, of_cell = np.square(sizes)
    true = of_row / rows + of_column / columns + of_cell / (rows * columns)
    assert 0.96 * true < np.mean(found) < 1.07 * true


@pytest.mark.parametrize("sizes", [(0, 0, 1), (0.3, 0, 1), (0, 0.5, 1)], ids=str)
def test_crossed_intervals_cover_a_mean(sizes):
    """95 % of 1000 tables of 6 rows within 3 standard errors."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1000):
        mean, influence = crossed(rng, 6, 40, *sizes)
        variance, degrees = crossed_variance(influence)
        covered += abs(mean) <= student_t_quantile(degrees) * variance**0.5
    assert abs(covered / 1000 - 0.95) < 0.021


def test_wilson_with_few_degrees_of_freedom_is_wider():
    narrow, wide = wilson(0.3, 50)[1], wilson(0.3, 50, degrees=3)[1]
    z, t = student_t_quantile(0), student_t_quantile(3)
    assert wide > narrow
    for half, q in ((narrow, z), (wide, t)):
        expected = q / (50 + q**2) * (50 * 0.3 * 0.7 + q**2 / 4) ** 0.5
        assert half == pytest.approx(expected)


def test_a_difference_has_the_wider_of_both_intervals_at_least():
    a = {"mean": 0.9, "ci": [0.8, 0.95], "n": 4}
    found = difference(a, {"mean": 0.5, "ci": [0.5, 0.5], "n": 3})
    assert found["ci"] == pytest.approx([0.3, 0.45]) and found["n"] == 3
    swapped = difference({"mean": 0.5, "ci": [0.5, 0.5], "n": 3}, a)
    assert swapped["ci"] == pytest.approx([-0.45, -0.3])


def test_a_difference_from_one_network_has_no_interval():
    one = {"mean": 0.5, "ci": None, "n": 1}
    several = {"mean": 0.9, "ci": [0.8, 0.95], "n": 4}
    assert difference(several, one) == {"mean": 0.4, "ci": None, "n": 1}
    unknown = {"mean": 0.5, "ci": None, "n": None}
    assert difference(unknown, unknown)["n"] is None
