"""The audit of one model by guesses which row of a pair is a member."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy import audited_epsilon as module
from dd_jax.audits.privacy.audited_epsilon import (
    audited_epsilon,
    epsilon_from_pairs,
    random_pairs,
)
from dd_jax.audits.privacy.canaries import KINDS
from dd_jax.audits.privacy.scores import Score
from dd_jax.data import membership_masks


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 4))
def test_pairs_are_a_member_and_a_non_member_of_a_kind(seed, n, classes):
    rng = np.random.default_rng(seed)
    member, kinds = rng.random(n) < 0.4, rng.integers(0, classes, (n, 2))
    pairs = random_pairs(member, kinds, seed)
    assert member[pairs[:, 0]].all() and not member[pairs[:, 1]].any()
    assert (kinds[pairs[:, 0]] == kinds[pairs[:, 1]]).all()
    assert len(np.unique(pairs)) == pairs.size
    both = lambda of: np.array(sorted(map(tuple, kinds[of])))
    assert len(pairs) == sum(
        min((both(member) == kind).all(1).sum(), (both(~member) == kind).all(1).sum())
        for kind in np.unique(kinds, axis=0)
        if member.any() and (~member).any()
    )


def test_given_the_pairs_each_coin_is_fair_and_independent():
    labels, orders = np.array([0, 0, 0, 0]), {}
    for seed in range(6000):
        member = membership_masks(seed, labels, 1)[0]
        pairs = random_pairs(member, labels[:, None], seed + 10**6)
        key = tuple(map(tuple, np.sort(pairs)))
        orders.setdefault(key, []).append((pairs[:, 0] < pairs[:, 1]) @ [1, 2])
    assert len(orders) == 6  # three matchings, in both orders
    for found in orders.values():
        counts = np.bincount(found, minlength=4)
        expected = len(found) / 4
        assert ((counts - expected) ** 2 / expected).sum() < 21  # p < 1e-4 of chi^2_3


def test_all_guesses_right_and_all_ties():
    pairs = np.arange(2000).reshape(1000, 2)
    right = epsilon_from_pairs(np.tile([1.0, 0.0], 1000), pairs, 0.0)
    p = 0.01 ** (1 / 1000)
    assert right["epsilon"] == pytest.approx(math.log(p / (1 - p)), abs=1e-6)
    assert right["epsilon"] == right["most"] and right["correct"] == 1000
    none = epsilon_from_pairs(np.zeros(2000), pairs, 0.0)
    assert none["epsilon"] == none["correct"] == 0 and none["most"] == right["most"]


def test_the_surest_thousand_are_guessed():
    gaps = np.where(np.arange(3000) < 1000, 2.0, -1.0)
    scores = np.stack([gaps, np.zeros(3000)], axis=1).ravel()
    found = epsilon_from_pairs(scores, np.arange(6000).reshape(-1, 2), 1e-5)
    assert (found["pairs"], found["guesses"], found["correct"]) == (3000, 1000, 1000)


@pytest.mark.parametrize("epsilon", [0.5, pytest.param(2.0, marks=pytest.mark.slow)])
def test_randomised_response_is_not_refuted_and_shows_half(epsilon):
    rng, pairs = np.random.default_rng(0), np.arange(1600).reshape(800, 2)
    bounds = []
    for _ in range(25):
        truth = rng.random(800) < 1 / (1 + math.exp(-epsilon))
        scores = np.stack([truth, ~truth], axis=1).ravel().astype(float)
        bounds.append(epsilon_from_pairs(scores, pairs, 0.0)["epsilon"])
    assert np.sum(np.array(bounds) > epsilon) <= 2
    assert np.median(bounds) > epsilon / 2


def models(seed, signal, n=240, shadows=6):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n).astype(np.int32)
    member = membership_masks(seed, labels, shadows // 2)
    logits = rng.normal(size=(shadows, n, 1, 3)).astype(np.float32)
    logits[:, np.arange(n), 0, labels] += signal * member
    return logits, labels, member


@pytest.mark.parametrize("name", ["lira_online", "rmia", "loss", "quantile"])
def test_a_leak_is_found_and_without_one_guesses_are_coins(name):
    canary = np.full(240, -1)
    audit = lambda *drawn: audited_epsilon(name, *drawn, canary, seed=0, delta=1e-5)
    found = audit(*models(0, 8.0))
    assert found["score"] == name and 1 < found["epsilon"] <= found["most"]
    nothing = [audit(*models(seed, 0.0)) for seed in range(8)]
    guesses = sum(each["guesses"] for each in nothing)
    right = sum(each["correct"] for each in nothing)
    assert abs(right - guesses / 2) < 4 * math.sqrt(guesses) / 2
    assert sum(each["epsilon"] > 0 for each in nothing) <= 1


def test_a_score_that_looks_at_the_membership_of_its_target_learns_nothing(monkeypatch):
    peeking = Score(lambda *arrays: arrays[2], lambda _, member, t: 1.0 * member[t])
    monkeypatch.setattr(module, "score_of", lambda name: peeking)
    canary = np.full(240, -1)
    found = audited_epsilon("peeking", *models(0, 0.0), canary, seed=0, delta=1e-5)
    assert found["epsilon"] == 0 and 0 < found["correct"] < found["guesses"] / 2


def test_rows_that_models_have_several_times_are_left_out():
    logits, labels, member = models(0, 0.0)
    kinds = np.arange(240) % 6 - 1
    copied = np.isin(kinds, [KINDS.index("duplicated"), KINDS.index("near_duplicate")])
    logits[:, copied, 0, 0] += 50 * member[:, copied]
    found = audited_epsilon("loss", logits, labels, member, kinds, seed=0, delta=1e-5)
    assert found["epsilon"] == 0 and found["pairs"] <= (~copied).sum() / 2
    only = np.full(240, KINDS.index("duplicated"))
    assert audited_epsilon("loss", *models(0, 0.0), only, seed=0, delta=1e-5) is None
