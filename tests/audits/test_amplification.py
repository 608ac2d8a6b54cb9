"""Differences of unevenness from references, and their bootstrap intervals."""

import numpy as np
import pytest
from scipy import stats

from dd_jax.audits.amplification import amplification
from dd_jax.report.intervals import bootstrap_difference


def test_differences_by_hand():
    """Mean accuracies (.9, .5) and (.8, .7): gaps .4 and .1, worst .5 and .7."""
    ours = np.array([[1.0, 0.4], [0.8, 0.6]])
    found = amplification(ours, np.array([[0.8, 0.7]] * 3))
    assert found["class_gap"]["mean"] == pytest.approx(0.3)
    assert found["worst_class"]["mean"] == pytest.approx(-0.2)
    # drawn again: gaps .6, .4, .4, .2 of which each is as likely
    low, high = found["class_gap"]["ci"]
    assert (low, high) == pytest.approx((0.1, 0.5))
    assert found["class_gap"]["n"] == 2
    assert abs(found["class_gap"]["bias"]) < 0.01


def test_no_difference_from_itself_and_opposite_signs():
    rng = np.random.default_rng(0)
    one, two = rng.random((5, 10)), rng.random((4, 10))
    there, back = amplification(one, two), amplification(two, one)
    for key in there:
        assert there[key]["mean"] == pytest.approx(-back[key]["mean"])
        assert amplification(one, one)[key]["mean"] == 0
    single = amplification(one, two[:1])
    assert single["class_gap"]["ci"] is single["class_gap"]["bias"] is None


def test_the_interval_of_a_mean_is_that_of_scipy():
    rng = np.random.default_rng(1)
    one, two = rng.normal(0.6, 0.1, (9, 1)), rng.normal(0.5, 0.1, (7, 1))
    first = lambda x: x[..., 0]
    found = bootstrap_difference(first, one, two, resamples=20_000)
    expected = stats.bootstrap(
        (one[:, 0], two[:, 0]),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        n_resamples=20_000,
        method="basic",
        rng=np.random.default_rng(2),
    ).confidence_interval
    np.testing.assert_allclose(found["ci"], expected, atol=0.003)
    assert abs(found["bias"]) < 0.002


def test_the_bias_of_a_minimum_is_found_and_corrected_for():
    """All classes alike: the worst of their means is below the truth."""
    rng = np.random.default_rng(3)
    worst = lambda x: x.min(-1)
    reference = np.full((5, 10), 0.7)
    covered, biases = [], []
    for _ in range(60):
        found = bootstrap_difference(
            worst, rng.normal(0.7, 0.05, (5, 10)), reference, resamples=300
        )
        assert found["mean"] < 0 and found["bias"] < 0
        biases.append(found["bias"])
        covered.append(found["ci"][1] > 0)
    assert -0.05 < np.mean(biases) < -0.01
    assert np.mean(covered) > 0.3  # of a percentile interval almost none is
