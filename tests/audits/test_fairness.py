import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from dd_jax.audits.fairness import (
    class_gap,
    class_std,
    cvar,
    induced_drop,
    per_class_accuracy,
    record,
    worst_class,
)
from dd_jax.types import InputError

summarise = lambda values: {"mean": float(np.mean(values)), "n": len(values)}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), k=st.integers(2, 5), n=st.integers(1, 30))
def test_per_class_accuracy_is_recall(seed, k, n):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n)])
    predictions = rng.integers(0, k, (2, len(labels)))
    expected = [recall_score(labels, row, average=None) for row in predictions]
    np.testing.assert_allclose(per_class_accuracy(predictions, labels, k), expected)


fractions = st.lists(st.floats(0, 1), min_size=2, max_size=12).map(np.array)


@settings(max_examples=30, deadline=None)
@given(accuracy=fractions, alpha=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_summaries_are_ordered_and_ignore_the_order_of_classes(accuracy, alpha, seed):
    assert worst_class(accuracy) <= cvar(accuracy, alpha) + 1e-12
    assert cvar(accuracy, alpha) <= accuracy.mean() + 1e-12
    assert class_std(accuracy) <= class_gap(accuracy) / 2 + 1e-12
    shuffled = np.random.default_rng(seed).permutation(accuracy)
    for summary in (worst_class, cvar, class_gap, class_std):
        assert summary(shuffled) == pytest.approx(summary(accuracy), abs=1e-12)


def test_summaries_by_hand():
    accuracy = np.array([[0.9, 0.5, 0.7, 0.7], [0.2, 0.6, 1.0, 0.6]])
    np.testing.assert_allclose(class_gap(accuracy), [0.4, 0.8])
    np.testing.assert_allclose(worst_class(accuracy), [0.5, 0.2])
    np.testing.assert_allclose(class_std(accuracy), [np.sqrt(0.02), np.sqrt(0.08)])
    np.testing.assert_allclose(cvar(accuracy), [0.6, 0.4])  # ceil(.3 * 4) = 2 classes
    np.testing.assert_allclose(cvar(accuracy, alpha=0.25), [0.5, 0.2])
    np.testing.assert_allclose(cvar(accuracy, alpha=1.0), accuracy.mean(-1))


@pytest.mark.parametrize("k", [10, 20, 100])
def test_cvar_counts_classes_exactly(k):
    """0.07 * 100 is 7.000000000000001 in floats: still seven classes."""
    accuracy = np.arange(k) / k
    for tenths in range(1, 11):
        worst = k * tenths // 10
        assert cvar(accuracy, tenths / 10) == pytest.approx(accuracy[:worst].mean())
    assert cvar(np.arange(100) / 100, 0.07) == pytest.approx(0.03)


def test_cvar_refuses_alpha_outside_its_range():
    with pytest.raises(InputError, match=r"alpha is 0.0; it must be in \(0, 1\]"):
        cvar(np.array([0.5, 0.6]), alpha=0.0)


def test_induced_drop_by_hand():
    drop = induced_drop(np.array([0.9, 0.8, 0.7]), np.array([0.6, 0.8, 0.8]))
    np.testing.assert_allclose(drop["per_class"], [0.3, 0.0, -0.1], atol=1e-12)
    assert drop["max"] == pytest.approx(0.3)
    assert drop["mean"] == pytest.approx(0.2 / 3)
    assert drop["std"] == pytest.approx(np.sqrt(0.1 / 3 - (0.2 / 3) ** 2))


def test_labels_must_cover_the_classes():
    with pytest.raises(InputError, match=r"hold the classes \[0, 2\]; every one of 0"):
        per_class_accuracy(np.array([0, 1]), np.array([0, 2]), 3)
    with pytest.raises(InputError, match="and nothing else"):
        per_class_accuracy(np.array([0, 1]), np.array([0, 1]), 1)


def test_record_of_two_nets():
    accuracy = np.array([[1.0, 0.5], [0.0, 1.0]])  # their mean is (.5, .75)
    part = record(accuracy, summarise)
    assert part == {
        "class_gap": {"mean": 0.75, "n": 2},
        "worst_class": {"mean": 0.25, "n": 2, "of_mean": 0.5},
        "class_std": {"mean": 0.375, "n": 2},
        "cvar": {"mean": 0.25, "n": 2},
    }
    full, subset = np.array([1.0, 1.0]), np.array([0.25, 0.75])
    part = record(accuracy, summarise, full=full, subset=subset)
    assert part["induced_drop"]["per_class"] == [0.5, 0.25]
    assert part["drop_from_subset"]["per_class"] == [-0.25, 0.0]
