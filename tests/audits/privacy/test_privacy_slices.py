"""Thresholds set on shadows, and figures of each group."""

import numpy as np
import pytest

from dd_jax.audits.privacy.metrics import summarise
from dd_jax.audits.privacy.shadow_thresholds import (
    rates_at_shadow_thresholds,
    shadow_threshold,
)
from dd_jax.audits.privacy.slices import by_group
from dd_jax.types import InputError


def scored(seed=0, models=8, points=400, gain=1.0):
    rng = np.random.default_rng(seed)
    half = np.arange(points) < points // 2
    masks = np.stack([rng.permutation(half) for _ in range(models // 2)])
    member = np.stack([masks, ~masks], axis=1).reshape(models, points)
    return gain * member + rng.normal(size=member.shape), member


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25])
def test_threshold_is_the_lowest_that_keeps_the_level_on_shadows(level):
    scores, member = scored(points=20)
    scores = np.round(scores, 1)  # ties
    cut = shadow_threshold(scores, member, 3, level)
    unseen = np.concatenate([scores[t][~member[t]] for t in (0, 1, 4, 5, 6, 7)])
    assert np.mean(unseen > cut) <= level
    lower = unseen[unseen < cut].max()
    assert np.mean(unseen > lower) > level


def test_threshold_does_not_look_at_the_target_or_its_complement():
    scores, member = scored()
    before = shadow_threshold(scores, member, 2, 0.1)
    scores[2:4] += 100
    assert shadow_threshold(scores, member, 2, 0.1) == before
    assert shadow_threshold(scores, member, 4, 0.1) > before


def test_achieved_fpr_is_near_the_level_when_models_are_alike():
    found = rates_at_shadow_thresholds(*scored(models=16), 0.1)
    assert found["resolved"]
    low, high = found["achieved_fpr"]["ci"]
    assert low <= 0.1 <= high and high - low < 0.05
    low, high = found["tpr"]["ci"]
    assert low <= 0.389 <= high  # Phi(1 - 1.2816)
    assert found["tpr"]["n"] == 16


def test_a_target_unlike_its_shadows_misses_the_level():
    scores, member = scored()
    scores[:2] += 3  # one pair is surer of everything
    found = rates_at_shadow_thresholds(scores, member, 0.1)["achieved_fpr"]
    assert found["mean"] > 0.2


def test_levels_too_low_have_no_numbers():
    found = rates_at_shadow_thresholds(*scored(points=40), 0.001)
    assert found == {"tpr": None, "achieved_fpr": None, "resolved": False}


def test_groups_are_summarised_apart():
    scores, member = scored(points=120)
    groups = np.arange(120) % 3
    scores[:, groups == 2] += 5 * member[:, groups == 2]
    found = by_group(scores, member, groups, seed=0)
    assert list(found) == [0, 1, 2]
    own = groups == 1
    assert found[1] == summarise(scores[:, own], member[:, own], seed=0)
    assert found[2]["auc"]["mean"] > 0.99 > 0.85 > found[0]["auc"]["mean"]


def test_a_group_that_no_pair_splits_has_no_figures():
    scores, member = scored(points=40)
    groups = np.zeros(40, int)
    groups[7] = 1  # one point: nobody to compare it with
    found = by_group(scores, member, groups, seed=0)
    assert found[1] is None and found[0]["auc"]["n"] == 8


def test_bad_shapes_are_refused():
    scores, member = scored(points=10)
    with pytest.raises(InputError, match=r"groups: shape \(9,\)"):
        by_group(scores, member, np.zeros(9), seed=0)
    with pytest.raises(InputError, match="m even and at least 4"):
        rates_at_shadow_thresholds(scores[:3], member[:3], 0.1)
