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
    sampled = lambda s: [Gaussians(512, s, 0.1)]
    assert noise_multiplier_for(1.0, 1e-6, sampled) == pytest.approx(9.66, abs=0.005)
    psg = lambda s: [Gaussians(10_000, s, 256 / 60_000)]
    found = noise_multiplier_for(1.0, 1e-5, psg, "rdp")
    assert found == pytest.approx(1.88, abs=0.005)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.floats(0.2, 10), st.floats(-8, -3), st.integers(1, 200))
def test_noise_keeps_to_its_epsilon_and_is_no_more_than_needed(epsilon, power, count):
    delta = 10**power
    mechanisms = lambda s: [Gaussians(count, s)]
    least = noise_multiplier_for(epsilon, delta, mechanisms)
    assert epsilon_of(mechanisms(least), delta) <= epsilon
    assert epsilon_of(mechanisms(0.99 * least), delta) > epsilon


def test_no_noise_is_no_privacy_and_no_release_is_free():
    assert epsilon_of([Gaussians(1, 0.0)], 1e-5) == math.inf
    assert epsilon_of([Gaussians(0, 0.0)], 1e-5) == 0


@pytest.mark.parametrize(
    "epsilon, delta", [(0.0, 1e-5), (math.inf, 1e-5), (1.0, 0.0), (1.0, 1.0)]
)
def test_what_is_out_of_range_is_one_line(epsilon, delta):
    with pytest.raises(InputError, match="epsilon is|delta is"):
        noise_multiplier_for(epsilon, delta, lambda s: [Gaussians(1, s)])
