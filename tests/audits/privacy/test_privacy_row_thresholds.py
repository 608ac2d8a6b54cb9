"""Thresholds of each row's own: by definition, without a leak, and by row."""

import numpy as np
import pytest

from dd_jax.audits.privacy.metrics import rates
from dd_jax.audits.privacy.row_thresholds import rates_at_row_thresholds, standardised
from dd_jax.types import InputError


def table(seed, models=32, points=400, gap=0.0, spread=1.0):
    """Scores whose location and width differ from row to row of the data."""
    rng = np.random.default_rng(seed)
    halves = [rng.permutation(points) < points // 2 for _ in range(models // 2)]
    member = np.stack([halves, np.logical_not(halves)], 1).reshape(models, points)
    width = np.exp(spread * rng.normal(size=points))
    noise = rng.normal(size=member.shape)
    return 3 * rng.normal(size=points) + width * (gap * member + noise), member


def test_standardised_by_definition():
    scores, member = table(0, models=8, points=20)
    found = standardised(scores, member)
    for t, i in np.ndindex(scores.shape):
        out = [scores[s, i] for s in range(8) if s // 2 != t // 2 and not member[s, i]]
        assert len(out) == 3
        expected = (scores[t, i] - np.mean(out)) / np.std(out, ddof=1)
        assert found[t, i] == pytest.approx(expected, rel=1e-6)


def test_shifts_and_scales_of_a_row_change_nothing():
    scores, member = table(1, models=12)
    rng = np.random.default_rng(2)
    shift, scale = rng.normal(size=400), rng.exponential(size=400)
    np.testing.assert_allclose(
        standardised(scale * scores + shift, member),
        standardised(scores, member),
        rtol=1e-5,
        atol=1e-5,
    )


def test_a_row_that_always_scores_the_same_is_never_called_first():
    scores, member = table(3)
    scores[:, 7] = 1e3
    assert (standardised(scores, member)[:, 7] == 0).all()


@pytest.mark.parametrize("level", ["0.1", "0.01"])
def test_without_a_leak_the_tpr_is_the_fpr(level):
    """Mean of 20 tables within 4 standard errors of the level."""
    found = [rates_at_row_thresholds(*table(seed))[level] for seed in range(20)]
    tprs = np.array([each["mean"] for each in found])
    error = tprs.std(ddof=1) / np.sqrt(len(tprs))
    assert abs(tprs.mean() - float(level)) < 4 * error
    assert all(0.95 * float(level) < e["achieved_fpr"] <= float(level) for e in found)


def test_false_positives_are_spread_over_rows():
    """The rows of the widest tenth have about a tenth of the false positives."""
    scores, member = table(4, points=2000)
    scores -= np.where(member, np.nan, scores).mean(0, where=~member)  # same location
    width = np.std(scores, axis=0)
    widest = width >= np.quantile(width, 0.9)

    def share(values):
        calls = (values > np.quantile(values[~member], 0.99)) & ~member
        return calls[:, widest].sum() / calls.sum()

    assert share(scores) > 0.8
    assert share(standardised(scores, member)) == pytest.approx(0.1, abs=0.03)


def test_a_leak_in_units_of_each_row_is_found_where_pooling_hides_it():
    scores, member = table(5, gap=2.0)
    pooled, own = rates(scores, member), rates_at_row_thresholds(scores, member)
    assert own["0.01"]["mean"] > 3 * pooled["0.01"]["mean"]
    low, high = own["0.01"]["ci"]
    assert low < own["0.01"]["mean"] < high


def test_few_pairs_have_no_thresholds_of_rows():
    scores, member = table(6, models=4)
    found = rates_at_row_thresholds(scores, member)
    assert found["0.1"]["mean"] is None and found["0.1"]["resolved"] is False
    with pytest.raises(InputError, match="even and at least 6"):
        standardised(scores, member)
    with pytest.raises(InputError, match=r"with member \(4, 3\)"):
        standardised(scores, member[:, :3])
