import math

import pytest

from dd_jax.audits.privacy.epsilon import epsilon_from_one_run, epsilon_from_rates
from dd_jax.types import InputError


@pytest.mark.parametrize(
    "n, expected", [(100, 3.281), (500, 4.906), (1000, 5.601), (10_000, 7.905)]
)
def test_most_that_a_perfect_attack_can_show(n, expected):
    assert epsilon_from_rates(n, n, 0, n) == pytest.approx(expected, abs=5e-4)


def test_rates_golden():
    assert epsilon_from_rates(60, 100, 5, 100) == pytest.approx(1.483085, abs=1e-6)
    with_delta = epsilon_from_rates(60, 100, 5, 100, delta=0.1)
    assert with_delta == pytest.approx(math.log((0.497209 - 0.1) / 0.112835), abs=1e-5)
    assert epsilon_from_rates(5, 100, 5, 100) == 0
    assert epsilon_from_rates(0, 100, 5, 100) == 0


@pytest.mark.parametrize(
    "m, r, v, delta, expected",
    [
        (1000, 200, 150, 0, 0.8214),
        (1000, 200, 150, 1e-5, 0.8200),
        (1000, 1000, 600, 1e-5, 0.2972),
        (100, 100, 100, 1e-5, 3.4902),
        (1000, 1000, 1000, 1e-5, 5.7823),
        (5000, 5000, 5000, 1e-5, 7.2839),
    ],
)
def test_one_run_golden(m, r, v, delta, expected):
    found = epsilon_from_one_run(m, r, v, delta=delta)
    assert found == pytest.approx(expected, abs=6e-5)


def test_guessing_shows_nothing():
    assert epsilon_from_one_run(1000, 200, 105) == 0
    assert epsilon_from_one_run(10, 5, 0, delta=1e-5) == 0


def test_impossible_counts_are_refused():
    with pytest.raises(InputError, match="6 correct of 5 guesses on 10 points"):
        epsilon_from_one_run(10, 5, 6)
