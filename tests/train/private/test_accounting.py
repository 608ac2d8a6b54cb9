"""Epsilon of composed Gaussian mechanisms, against published and closed forms."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dd_jax.train.private.accounting import Gaussians, epsilon_of, noise_multiplier_for
from dd_jax.types import InputError

pytest.importorskip("dp_accounting")


def delta_of(epsilon, noise_multiplier):
    """Balle and Wang (2018), eq. 6: of a single Gaussian mechanism."""
    a, b = 1 / (2 * noise_multiplier), epsilon * noise_multiplier
    tail = stats.norm.cdf
    return tail(a - b) - math.exp(epsilon) * tail(-a - b)


@pytest.mark.parametrize("noise_multiplier", [0.8, 2.0, 3.73])
@pytest.mark.parametrize("count", [1, 9])
def test_gaussians_without_sampling_equal_the_closed_form(noise_multiplier, count):
    mechanisms = [Gaussians(count, noise_multiplier * math.sqrt(count))]
    found = epsilon_of(mechanisms, 1e-5)
    assert delta_of(found, noise_multiplier) == pytest.approx(1e-5, rel=1e-3)


def test_sampled_gaussians_have_the_published_epsilons():
    mechanisms = [Gaussians(512, 3.0, 0.1)]
    assert epsilon_of(mechanisms, 1e-6) == pytest.approx(3.77, abs=0.005)
    assert epsilon_of(mechanisms, 1e-6, "rdp") == pytest.approx(4.05, abs=0.005)


@pytest.mark.slow
def test_the_noise_of_published_recipes():
    found = noise_multiplier_for(1.0, 1e-6, 512, 0.1)
    assert found == pytest.approx(9.66, abs=0.005)
    found = noise_multiplier_for(1.0, 1e-5, 10_000, 256 / 60_000, "rdp")
    assert found == pytest.approx(1.88, abs=0.005)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 500), st.floats(-12, -3), st.integers(1, 10**6))
def test_noise_keeps_to_its_epsilon_and_is_no_more_than_needed(epsilon, power, count):
    delta = 10**power
    mechanisms = lambda s: [Gaussians(count, s)]
    least = noise_multiplier_for(epsilon, delta, count)
    assert epsilon_of(mechanisms(least), delta) <= epsilon
    assert epsilon_of(mechanisms(0.99 * least), delta) > epsilon


@pytest.mark.parametrize("sampled", [Gaussians(1, 1e6, 0.5), Gaussians(0, 1.0, 0.5)])
def test_an_exchange_shifts_a_sum_twice_as_far(sampled):
    plain = Gaussians(9, 12.0)
    found = epsilon_of([plain, sampled], 1e-5, exchange=True)
    assert delta_of(found, 2.0) == pytest.approx(1e-5, rel=1e-2)


def test_an_exchange_of_a_sampled_row_is_a_removal_and_an_addition():
    sampled, delta = [Gaussians(200, 2.0, 0.02)], 1e-5
    once = epsilon_of(sampled, delta)
    found = epsilon_of(sampled, delta, exchange=True)
    one = epsilon_of(sampled, delta / (1 + math.exp(once)))  # group privacy of two
    assert once < found <= 2 * one


@pytest.mark.parametrize("epsilon", [20.0, 500.0])
def test_large_epsilons_of_samples_are_planned_in_seconds(epsilon):
    found = noise_multiplier_for(epsilon, 1e-5, 1000, 0.1)
    kind = lambda s: [Gaussians(1000, s, 0.1)]
    assert 0.98 * epsilon < epsilon_of(kind(found), 1e-5) <= epsilon
    assert epsilon_of(kind(0.99 * found), 1e-5) > epsilon


def test_gaussians_with_and_without_sampling_add_up():
    plain, sampled = Gaussians(2, 4.0), Gaussians(50, 2.0, 0.05)
    both = epsilon_of([plain, sampled], 1e-5)
    alone = [epsilon_of([one], 1e-5) for one in (plain, sampled)]
    assert max(alone) < both < sum(alone)


def test_no_noise_is_no_privacy_and_no_release_is_free():
    assert epsilon_of([Gaussians(1, 0.0)], 1e-5) == math.inf
    assert epsilon_of([Gaussians(0, 0.0)], 1e-5) == 0


@pytest.mark.parametrize(
    "epsilon, delta", [(0.0, 1e-5), (math.inf, 1e-5), (1.0, 0.0), (1.0, 1.0)]
)
def test_what_is_out_of_range_is_one_line(epsilon, delta):
    with pytest.raises(InputError, match="epsilon is|delta is"):
        noise_multiplier_for(epsilon, delta, 1)
