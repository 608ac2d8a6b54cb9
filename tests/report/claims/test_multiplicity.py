"""Holm with exclusive pairs: by hand, against a naive procedure, under the null."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dd_jax.report.claims.multiplicity import adjusted

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5)


def naive(pairs, level):
    """Rejects step by step, at the level over the number of tests still open."""
    left = {(i, side): pair[side] for i, pair in enumerate(pairs) for side in (0, 1)}
    rejected = set()
    while left:
        key = min(left, key=lambda key: (left[key], key))
        if left.pop(key) * len({i for i, _ in (*left, key)}) > level:
            break
        rejected.add(key)
    return rejected


def test_golden_by_hand():
    found = adjusted([(0.01, 0.9), (0.04, 0.03), (0.2, 0.8)])
    assert found[0] == (0.03, 1.0)
    assert found[1] == (0.12, 0.09)
    assert found[2] == (0.4, 1.0)  # the second test is closed: times 2
    assert adjusted([]) == []


@given(PAIRS, st.floats(0.01, 0.5))
def test_a_naive_procedure_rejects_the_same(pairs, level):
    found = adjusted(pairs)
    kept = {(i, s) for i, pair in enumerate(found) for s in (0, 1) if pair[s] <= level}
    assert kept == naive(pairs, level)


@given(PAIRS)
def test_at_least_the_p_value_and_at_most_bonferroni(pairs):
    for raw, own in zip(pairs, adjusted(pairs)):
        for p, q in zip(raw, own):
            assert p <= q <= 1


def test_family_wise_error_where_one_of_each_pair_is_true():
    """9 of 18 hypotheses are true, the others are often rejected; 0.05 and 4 errors."""
    rng = np.random.default_rng(0)
    true, false = rng.random((10_000, 9)), rng.beta(0.1, 5, (10_000, 9))
    wrong = [
        any(first <= 0.05 for first, _ in adjusted(list(zip(*rows))))
        for rows in zip(true.tolist(), false.tolist())
    ]
    assert 0.03 < np.mean(wrong) < 0.0587
