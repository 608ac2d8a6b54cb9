"""Calibration: values by hand, a loop as reference, laws, extreme cases."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits import calibration as c
from dd_jax.audits.audit import Context
from dd_jax.report.intervals import mean_interval
from dd_jax.runtime.keys import named
from dd_jax.types import InputError, Split

PROBABILITIES = np.array(
    [[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]
)
LABELS = np.array([0, 1, 1, 2])


def example(seed=0, n=60, k=4, scale=3.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    logits = scale * (rng.normal(size=(n, k)) + np.eye(k)[labels])
    return logits, labels


def by_loop(logits, labels, bins):
    """ECE, NLL and Brier score as Guo et al. and Brier write them."""
    n, confidence, right, nll, brier = len(labels), [], [], 0.0, 0.0
    for row, y in zip(logits, labels):
        p = np.exp(row - row.max())
        p = p / p.sum()
        nll -= np.log(p[y]) / n
        brier += sum((p[c] - (c == y)) ** 2 for c in range(len(p))) / n
        confidence.append(p.max())
        right.append(p.argmax() == y)
    ece = 0.0
    for m in range(1, bins + 1):
        rows = [i for i in range(n) if (m - 1) / bins < confidence[i] <= m / bins]
        if rows:
            accuracy = np.mean([right[i] for i in rows])
            gap = abs(accuracy - np.mean([confidence[i] for i in rows]))
            ece += len(rows) / n * gap
    return ece, nll, brier


def test_values_by_hand():
    """Two bins: none below 1/2; above, accuracy 3/4 at a mean confidence of 3/4."""
    logits = np.log(PROBABILITIES)
    assert c.expected_calibration_error(logits, LABELS, 2) == pytest.approx(0)
    # ten bins: (.5, .6] 0 right at .6; (.6, .7] at .7; (.7, .8] at .8; (.8, .9] at .9
    ece = c.expected_calibration_error(logits, LABELS, 10)
    assert ece == pytest.approx((0.6 + 0.3 + 0.2 + 0.1) / 4)
    nll = c.negative_log_likelihood(logits, LABELS)
    assert nll == pytest.approx(-np.log(0.9 * 0.3 * 0.7 * 0.8) / 4)
    brier = c.brier_score(logits, LABELS)
    assert brier == pytest.approx((0.015 + 0.86 + 0.14 + 0.06) / 4)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    counts = c.reliability(np.log([[0.5, 0.5], [0.75, 0.25]]), np.array([0, 0]), 4)
    assert counts["count"].tolist() == [0, 1, 1, 0]
    assert counts["accuracy"].tolist() == [0, 1, 1, 0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 50),
    k=st.integers(2, 6),
    scale=st.floats(0, 20),
    bins=st.integers(1, 20),
)
def test_figures_equal_a_loop_and_stay_in_their_ranges(seed, n, k, scale, bins):
    logits, labels = example(seed, n, k, scale)
    found = (
        c.expected_calibration_error(logits, labels, bins),
        c.negative_log_likelihood(logits, labels),
        c.brier_score(logits, labels),
    )
    np.testing.assert_allclose(found, by_loop(logits, labels, bins), atol=1e-12)
    assert 0 <= found[0] <= 1 and found[1] >= 0 and 0 <= found[2] <= 2
    counts = c.reliability(logits, labels, bins)
    assert counts["count"].sum() == n


def test_leading_axes_are_networks():
    pairs = [example(seed) for seed in (0, 0)]
    both = np.stack([pairs[0][0], 2 * pairs[1][0]])
    labels = pairs[0][1]
    for figure in (
        c.expected_calibration_error,
        c.negative_log_likelihood,
        c.brier_score,
    ):
        one_by_one = [figure(logits, labels) for logits in both]
        np.testing.assert_allclose(figure(both, labels), one_by_one, rtol=1e-12)


def test_frequencies_that_are_the_probabilities_are_calibrated():
    """Of 10 rows at 0.8 eight are right; of 10 at 0.6, six."""
    logits = np.log(np.repeat([[0.8, 0.2], [0.6, 0.4]], 10, 0))
    labels = np.r_[np.repeat([0, 1], [8, 2]), np.repeat([0, 1], [6, 4])]
    assert c.expected_calibration_error(logits, labels) == pytest.approx(0, abs=1e-12)
    assert c.fit_temperature(logits, labels) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("true", [0.3, 1.7, 8.0])
def test_temperature_is_found_again(true):
    """Labels drawn from softmax(z), logits `true * z`: the best T is close to it."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 3))
    cumulative = np.cumsum(np.exp(z) / np.exp(z).sum(1, keepdims=True), 1)
    labels = (rng.random((20_000, 1)) > cumulative).sum(1)
    assert c.fit_temperature(true * z, labels) == pytest.approx(true, rel=0.05)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), n=st.integers(2, 40), scale=st.floats(0, 1e4))
def test_scaling_never_raises_the_loss_of_the_rows_it_is_fitted_on(seed, n, scale):
    logits, labels = example(seed, n, scale=scale)
    t = c.fit_temperature(logits, labels)
    before = c.negative_log_likelihood(logits, labels)
    assert c.negative_log_likelihood(logits / t, labels) <= before
    grid = np.geomspace(c.COLDEST, c.HOTTEST, 200)
    best = min(c.negative_log_likelihood(logits / g, labels) for g in grid)
    assert c.negative_log_likelihood(logits / t, labels) <= best + 1e-3 * (1 + best)


def test_rows_that_are_all_correct_leave_the_temperature_bounded():
    labels = np.arange(30) % 3
    t = c.fit_temperature(10 * np.eye(3)[labels], labels)
    assert c.COLDEST <= t < 0.1
    assert c.fit_temperature(np.zeros((30, 3)), labels) == 1.0


def test_huge_logits_give_finite_figures():
    logits, labels = example(scale=1e30)
    assert np.isfinite(c.negative_log_likelihood(logits, labels))
    assert c.brier_score(logits, labels) <= 2
    assert c.fit_temperature(logits, labels) <= c.HOTTEST


def test_logits_that_are_not_finite_are_refused():
    logits, labels = example()
    logits[3, 1] = np.nan
    with pytest.raises(InputError, match="logits are not finite"):
        c.brier_score(logits, labels)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(0, 99))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_halves_are_halves_of_each_class(labels, seed):
    labels = np.array(labels)
    half = c.halves(seed, labels)
    np.testing.assert_array_equal(half, c.halves(seed, labels))
    assert abs(int(half.sum()) - int((~half).sum())) <= 1
    first, second = (np.bincount(labels[h], minlength=5) for h in (half, ~half))
    assert np.abs(first - second).max() <= 1


def test_each_half_is_scaled_by_the_temperature_of_the_other():
    logits, labels = example(n=80)
    half = c.halves(0, labels)
    scaled, temperature = c.temperature_scaled(logits[None], labels, half)
    first = c.fit_temperature(logits[half], labels[half])
    second = c.fit_temperature(logits[~half], labels[~half])
    np.testing.assert_allclose(scaled[0, ~half] * first, logits[~half])
    np.testing.assert_allclose(scaled[0, half] * second, logits[half])
    assert temperature[0] == pytest.approx(np.sqrt(first * second)) and first != second
    np.testing.assert_array_equal(scaled[0].argmax(-1), logits.argmax(-1))


def context(logits, labels, bins=15):
    """What the audit is given, with fabricated logits."""
    return Context(
        options=SimpleNamespace(bins=bins),
        dataset=None,
        evaluation=Split(None, labels),
        model=None,
        key=lambda name: named(jax.random.key(0), name),
        networks=dict.fromkeys(logits),
        logits=logits.__getitem__,
        estimate=lambda pipe, values: mean_interval(values),
    )


def test_the_part_of_the_record():
    z, labels = example(n=400)
    found = c.measure(context({"distilled": np.stack([z, 3 * z])}, labels, bins=5))
    part = found["distilled"]
    keys = {"ece", "nll", "brier", "reliability"}
    assert set(part) == keys | {"temperature", "scaled"} and set(part["scaled"]) == keys
    for name in ("ece", "nll", "brier", "temperature"):
        assert set(part[name]) == {"mean", "ci", "n"} and part[name]["n"] == 2
    ece = c.expected_calibration_error(np.stack([z, 3 * z]), labels, 5)
    assert part["ece"]["mean"] == pytest.approx(ece.mean())
    assert part["scaled"]["nll"]["mean"] < part["nll"]["mean"]
    for rows in (part["reliability"], part["scaled"]["reliability"]):
        assert [row["low"] for row in rows] == [0, 0.2, 0.4, 0.6, 0.8]
        assert sum(row["count"] for row in rows) == 800
        # four classes: no confidence is below a quarter
        assert set(rows[0]) == {"low", "high", "count"} and rows[0]["count"] == 0
        for row in rows[1:]:
            assert row["low"] < row["confidence"] <= row["high"]


def test_one_evaluation_row_is_refused():
    with pytest.raises(InputError, match="1 evaluation row; temperature scaling needs"):
        c.check(context({}, np.array([0])))
