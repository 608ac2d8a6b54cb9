"""Members that were initial images apart: by hand, and where only they leak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dd_jax.audits import privacy
from dd_jax.audits.privacy.initial_rows import FEWEST, by_use
from dd_jax.data import starting_rows


def table(seed, models=16, points=200, share=0.1, leak=0.0, rest=0.0):
    """Scores of complementary targets; a share of the members were initial images."""
    rng = np.random.default_rng(seed)
    half = np.stack([rng.permutation(points) < points // 2 for _ in range(models // 2)])
    member = np.stack([half, ~half], 1).reshape(models, points)
    initial = member & (rng.random(member.shape) < share)
    scores = rng.normal(size=member.shape) + rest * member + (leak - rest) * initial
    return scores, member, initial


def pairs_won(scores, member, counted):
    """Counted members against the non-members of their target, one after another."""
    won = [
        np.mean((s > row[~inside]) + 0.5 * (s == row[~inside]))
        for row, inside, chosen in zip(scores, member, counted)
        for s in row[chosen]
    ]
    return np.mean(won)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([4, 8]), st.integers(20, 60))
def test_auc_is_the_share_of_pairs_that_counted_members_win(seed, models, points):
    scores, member, initial = table(seed, models, points, 0.3, 1.0)
    scores = scores.round(1)  # with ties
    found = by_use(scores, member, initial)
    for use, counted in (("used", initial), ("not_used", member & ~initial)):
        part = found[use]
        assert part["members"] == counted.sum()
        if counted.sum() < FEWEST:
            assert part["auc"]["mean"] is None
            continue
        expected = pairs_won(scores, member, counted)
        assert part["auc"]["mean"] == pytest.approx(expected)
        low, high = part["auc"]["ci"]
        assert low <= expected <= high
        assert part["auc"]["n"] == counted.any(1).sum()


def test_tpr_is_at_one_threshold_for_all_non_members():
    scores, member, initial = table(5, leak=2.0, rest=0.5)
    found = by_use(scores, member, initial)
    cut = np.sort(scores[~member])[::-1][int(0.01 * (~member).sum())]
    for use, counted in (("used", initial), ("not_used", member & ~initial)):
        rate = found[use]["tpr_at_fpr"]["0.01"]
        assert rate["mean"] == pytest.approx(np.mean(scores[counted] > cut))
        assert rate["resolved"] and rate["ci"][0] <= rate["mean"] <= rate["ci"][1]


def test_a_leak_of_initial_images_alone_is_found_there_alone():
    found = by_use(*table(1, leak=1.5))
    assert found["used"]["auc"]["ci"][0] > 0.75
    low, high = found["not_used"]["auc"]["ci"]
    assert low < 0.5 < high


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_intervals_cover_as_often_as_they_say(effect):
    """95 % of 400 tables, within 3 standard errors; on either side of 95 %."""
    truth = stats.norm.cdf(effect / 2**0.5)
    covered = []
    for seed in range(400):
        scores = table(seed, models=16, points=100, leak=effect)
        low, high = by_use(*scores)["used"]["auc"]["ci"]
        covered.append(low <= truth <= high)
    assert abs(np.mean(covered) - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5


def test_too_few_members_and_no_low_rate_are_none():
    found = by_use(*table(2, models=4, points=20, share=0.1))
    assert found["used"]["members"] < FEWEST
    for use, known in (("used", False), ("not_used", True)):
        part = found[use]
        assert (part["auc"]["mean"] is not None) == known
        assert part["tpr_at_fpr"]["0.01"]["mean"] is None
        assert part["tpr_at_fpr"]["0.01"]["resolved"] is False


def test_figures_of_audit_rows_alone_have_all_of_them_and_each_kind():
    """Logits that leak members which were initial images, and no others."""
    rng = np.random.default_rng(3)
    _, member, initial = table(3, points=120, share=0.3)
    labels = rng.integers(0, 3, 120).astype(np.int32)
    logits = rng.normal(size=(16, 120, 1, 3)).astype(np.float32)
    logits[:, np.arange(120), 0, labels] += 4.0 * initial
    kinds = np.arange(120) % 2 + 3
    evaluated = lambda **given: privacy.evaluate_membership(
        logits, labels, member, scores=("loss",), seed=0, **given
    ).record["loss"]
    found, plain = evaluated(canary=kinds), evaluated()
    assert "initial_images" not in found and set(found["canaries"]) == {"3", "4"}
    assert found["auc"] == plain["auc"]
    apart = evaluated(canary=kinds, initial=initial)["initial_images"]
    assert apart["used"]["auc"]["ci"][0] > 0.8
    assert apart["not_used"]["auc"]["ci"][0] < 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 4))
def test_starting_rows_are_a_models_own_and_as_many_of_each_class(seed, count, classes):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 30)])
    member = rng.random((4, len(labels))) < 0.7
    member[:, :classes] = True
    found = starting_rows(seed, labels, member, count)
    assert not (found & ~member).any()
    for row, own in zip(found, member):
        fewest = np.bincount(labels[own]).min()
        assert (np.bincount(labels[row]) == min(count, fewest)).all()
