"""Thresholds of each row's own: by definition, without a leak, and by row."""

import numpy as np
import pytest

from dd_jax.audits.privacy.metrics import rates
from dd_jax.audits.privacy.row_thresholds import (
    rates_at_row_thresholds,
    scores_without_pairs,
    standardised,
)
from dd_jax.audits.privacy.scores import all_targets
from dd_jax.types import InputError


def table(seed, models=32, points=400, gap=0.0, spread=1.0):
    """Scores whose location and width differ from row to row of the data."""
    rng = np.random.default_rng(seed)
    halves = [rng.permutation(points) < points // 2 for _ in range(models // 2)]
    member = np.stack([halves, np.logical_not(halves)], 1).reshape(models, points)
    width = np.exp(spread * rng.normal(size=points))
    noise = rng.normal(size=member.shape)
    return 3 * rng.normal(size=points) + width * (gap * member + noise), member


def without_pairs(scores):
    """What `scores_without_pairs` gives of a score that uses no shadows."""
    return [np.delete(scores, [t, t + 1], 0) for t in range(0, len(scores), 2)]


def of(function, scores, member):
    return function(scores, member, without_pairs(scores))


def test_standardised_by_definition():
    scores, member = table(0, models=8, points=20)
    found = of(standardised, scores, member)
    for t, i in np.ndindex(scores.shape):
        out = [scores[s, i] for s in range(8) if s // 2 != t // 2 and not member[s, i]]
        assert len(out) == 3
        expected = (scores[t, i] - np.mean(out)) / np.std(out, ddof=1)
        assert found[t, i] == pytest.approx(expected, rel=1e-6)


def test_shifts_and_scales_of_a_row_change_nothing():
    scores, member = table(1, models=12)
    rng = np.random.default_rng(2)
    shift, scale = rng.normal(size=400), 0.5 + rng.exponential(size=400)
    np.testing.assert_allclose(
        of(standardised, scale * scores + shift, member),
        of(standardised, scores, member),
        rtol=1e-6,
        atol=1e-3,
    )


def test_a_row_that_always_scores_the_same_is_never_called_first():
    scores, member = table(3)
    scores[:, 7] = 1e3
    assert (of(standardised, scores, member)[:, 7] == 0).all()


@pytest.mark.parametrize("level", ["0.1", "0.01"])
def test_without_a_leak_the_tpr_is_the_fpr(level):
    """Mean of 20 tables within 4 standard errors of the level."""
    tables = [table(seed) for seed in range(20)]
    found = [of(rates_at_row_thresholds, *case)[level] for case in tables]
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
    assert share(of(standardised, scores, member)) == pytest.approx(0.1, abs=0.03)


def test_a_leak_in_units_of_each_row_is_found_where_pooling_hides_it():
    scores, member = table(5, gap=2.0)
    pooled, own = rates(scores, member), of(rates_at_row_thresholds, scores, member)
    assert own["0.01"]["mean"] > 3 * pooled["0.01"]["mean"]
    low, high = own["0.01"]["ci"]
    assert low < own["0.01"]["mean"] < high


def test_few_pairs_have_no_thresholds_of_rows():
    scores, member = table(6, models=4)
    found = rates_at_row_thresholds(scores, member, [])
    assert found["0.1"]["mean"] is None and found["0.1"]["resolved"] is False
    with pytest.raises(InputError, match="even and at least 6"):
        standardised(scores, member, [])
    with pytest.raises(InputError, match=r"with member \(4, 3\)"):
        standardised(scores, member[:, :3], [])


def shadow_table(seed, models=8, points=300):
    """Logits of two classes that tell nothing of members."""
    scores, member = table(seed, models, points)
    logits = np.stack([scores, np.zeros_like(scores)], -1)[:, :, None]
    return logits.astype(np.float32), np.zeros(points, np.int32), member


def test_a_pair_that_does_not_exist_is_no_shadow():
    logits, labels, member = shadow_table(0)
    first, *_, last = scores_without_pairs("lira_online", logits, labels, member)
    expected = all_targets("lira_online", logits[2:], labels, member[2:])
    np.testing.assert_array_equal(first, expected)
    other = logits.copy()
    other[6:] = 99.0
    changed = scores_without_pairs("lira_online", other, labels, member)
    np.testing.assert_array_equal(changed[-1], last)
    two = scores_without_pairs("lira_online", logits, labels, member, shared=4)
    assert [found.shape for found in two] == [(2, 300), (2, 300)]
    np.testing.assert_array_equal(two[1], last[4:])


def test_scores_that_use_shadows_have_no_leak_of_their_own():
    """The mean excess of 24 tables; with the pair as shadows it is far below."""
    excess, wrong = [], []
    for seed in range(24):
        logits, labels, member = shadow_table(seed)
        scores = all_targets("lira_online", logits, labels, member)
        others = scores_without_pairs("lira_online", logits, labels, member)
        found = rates_at_row_thresholds(scores, member, others)["0.01"]
        excess.append(found["mean"] - found["achieved_fpr"])
        found = of(rates_at_row_thresholds, np.asarray(scores), member)["0.01"]
        wrong.append(found["mean"] - found["achieved_fpr"])
    error = np.std(excess, ddof=1) / np.sqrt(24)
    assert abs(np.mean(excess)) < 4 * error < 4e-3
    assert np.mean(wrong) < -4 * error
