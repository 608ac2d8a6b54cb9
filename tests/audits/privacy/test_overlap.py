"""Which members several attacks find: by hand, against sets, and through the audit."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_privacy_membership import M, N, evaluate, world

from dd_jax.audits.privacy.metrics import tpr_at_fpr
from dd_jax.audits.privacy.overlap import called_members, found_shares, overlap


def drawn(seed, models=4, rows=600):
    rng = np.random.default_rng(seed)
    member = np.arange(rows) % 2 == rng.integers(0, 2, (models, 1))
    return rng.normal(size=(models, rows)) + member, member, rng


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_rates_are_those_of_the_roc(seed, ties):
    scores, member, _ = drawn(seed)
    scores = np.round(scores, 1) if ties else scores
    called = called_members(scores, member)
    rates = called[member].mean(), called[~member].mean()
    assert rates == pytest.approx(tpr_at_fpr(scores, member, 0.01))
    assert rates[1] <= 0.01


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0, 1))
def test_shares_are_those_of_sets(seed, attacks, rate):
    _, member, rng = drawn(seed)
    called = {f"a{i}": rng.random(member.shape) < rate for i in range(attacks)}
    pairs = lambda which: {tuple(pair) for pair in np.argwhere(which)}
    found = {name: pairs(own & member) for name, own in called.items()}
    figures, count = overlap(called, member), member.sum()
    for name, own in found.items():
        rest = set().union(*(found[n] for n in found if n != name))
        part = figures["scores"][name]
        assert part["found"] == pytest.approx(len(own) / count)
        assert part["alone"] == pytest.approx(len(own - rest) / count)
        assert set(part["jaccard"]) == set(called) - {name}
        for other, index in part["jaccard"].items():
            either = own | found[other]
            exact = len(own & found[other]) / len(either) if either else None
            assert index == (None if exact is None else pytest.approx(exact))
    assert figures["any"] == pytest.approx(len(set().union(*found.values())) / count)
    assert figures["all"] == pytest.approx(
        len(set.intersection(*found.values())) / count
    )
    wrong = set().union(*(pairs(own & ~member) for own in called.values()))
    assert figures["any_fpr"] == pytest.approx(len(wrong) / (~member).sum())
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_one_attack_or_few_points_have_no_overlap():
    scores, member, _ = drawn(0)
    called = called_members(scores, member)
    assert overlap({"a": called}, member) == {}
    few = slice(0, 40)  # 80 non-members: 0.8 false positives at 1 %
    assert overlap({"a": called[:, few], "b": called[:, few]}, member[:, few]) == {}


def test_how_often_a_row_is_found():
    member = np.array([[True, True, False], [True, False, False]])
    called = np.array([[True, True, True], [False, True, True]])
    np.testing.assert_array_equal(found_shares(called, member), [0.5, 1.0, np.nan])


@pytest.mark.slow
def test_the_audit_finds_the_same_without_its_canaries():
    logits, labels, member = world()
    canary = np.where(np.arange(N) % 4 == 0, 2, -1)  # those that are found
    plain, without = evaluate(), evaluate(canary=canary)
    assert plain.overlap == {}  # 720 non-members
    assert set(plain.found) == {"lira_online", "loss"}
    assert all(own.shape == (N,) for own in plain.found.values())
    exposed = np.arange(N) % 4 == 0
    for own, rest in zip(plain.found.values(), without.found.values()):
        assert own[exposed].mean() > 3 * own[~exposed].mean()
        assert np.isnan(rest[exposed]).all() and not np.isnan(rest[~exposed]).any()


def test_targets_after_shared_seeds_alone_count():
    found = evaluate(shared=4).found["loss"]
    times = found * (M - 4) / 2
    np.testing.assert_allclose(times, np.round(times))
