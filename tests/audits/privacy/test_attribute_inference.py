"""Attribute inference: what is separable is found, what is not is a guess."""

import numpy as np
import pytest

from dd_jax.audits.privacy.attribute_inference import inferred


def rows(seed, n, shift, groups=2, share=0.5):
    rng = np.random.default_rng(seed)
    found = (rng.random(n) > share).astype(int)
    found[:groups] = np.arange(groups)
    return rng.normal(0, 1, (n, 5)) + shift * found[:, None], found


def test_separable_groups_are_found():
    assert inferred(*rows(0, 200, 6.0), *rows(1, 300, 6.0)) > 0.99


def test_of_noise_half_is_right():
    rates = [
        inferred(*rows(2 * i, 200, 0.0), *rows(2 * i + 1, 500, 0.0)) for i in range(20)
    ]
    assert np.mean(rates) == pytest.approx(0.5, abs=0.02)  # 4 standard errors


def test_a_frequent_group_gives_no_advantage():
    """Accuracy would be 0.95 for who always guesses it."""
    rates = [
        inferred(
            *rows(2 * i, 400, 0.0, share=0.95), *rows(2 * i + 1, 900, 0.0, share=0.95)
        )
        for i in range(20)
    ]
    assert np.mean(rates) == pytest.approx(0.5, abs=0.06)


def test_more_separation_is_found_better():
    found = [inferred(*rows(0, 400, s), *rows(1, 400, s)) for s in (0.0, 0.3, 0.8, 2.0)]
    assert found == sorted(found)


def test_the_bayes_rate_of_two_normals():
    """Phi(d / 2) with d = shift * sqrt(5) = 2."""
    found = inferred(*rows(0, 4000, 2 / 5**0.5), *rows(1, 8000, 2 / 5**0.5))
    assert found == pytest.approx(0.8413, abs=0.015)
