import json
from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax import models
from dd_jax.audits import memorisation
from dd_jax.audits.nearest_neighbours import (
    distance_ratio,
    nearest_neighbours,
    pixel_space,
    random_feature_spaces,
)
from dd_jax.types import InputError

SHAPE = (8, 8, 1)
PIXELS = {"pixels": pixel_space}


def smooth_images(seed, n):
    """Blobs: images with structure, so that some lie nearer than others."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((n, 3, 3, 1))
    fine = coarse.repeat(3, 1).repeat(3, 2)[:, :8, :8]
    return np.clip(255 * fine + rng.normal(size=fine.shape), 0, 255).astype(np.uint8)


TRAIN, HOLDOUT = smooth_images(0, 300), smooth_images(1, 300)


@cache
def spaces():
    """Pixels and the features of two networks."""
    model = models.build("convnet", 10, SHAPE, width=8, depth=1)
    return PIXELS | random_feature_spaces(jax.random.key(0), model, 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 600]))
def test_nearest_matches_all_distances(seed, count):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 4)).astype(np.float32) + 50
    pool = rng.normal(size=(9, 4)).astype(np.float32) + 50
    pool[0] = points[0]
    found = nearest_neighbours(points, pool)
    distances = np.linalg.norm(points[:, None].astype(float) - pool[None], axis=-1)
    np.testing.assert_array_equal(found.index, distances.argmin(1))
    two = np.sort(distances, axis=1)[:, :2]
    np.testing.assert_allclose(found.distance, two[:, 0], atol=2e-5)
    np.testing.assert_allclose(found.second, two[:, 1], atol=2e-5)
    assert found.distance[0] == distance_ratio(found)[0] == 0


def test_copies_of_training_images_are_found_in_every_space():
    rows = np.arange(0, 300, 15)
    noise = np.random.default_rng(2).normal(size=(20, *SHAPE))
    copies = (TRAIN[rows] / 255 + 0.01 * noise).astype(np.float32)
    found = memorisation.audit(copies, TRAIN, HOLDOUT, spaces())
    assert set(found.record) == {"pixels", "network_0", "network_1"}
    for name, figures in found.record.items():
        np.testing.assert_array_equal(found.train[name], rows)
        assert figures["closer_to_train"]["mean"] == 1
        assert figures["closer_to_train"]["n"] == 20
        low, high = figures["residual_risk"]["ci"]
        assert 0.5 < low < figures["residual_risk"]["mean"] < high
        assert figures["distance"]["train"] < figures["distance"]["holdout"]
        assert figures["distance_ratio"]["train"] < 0.5
        assert figures["distance_ratio"]["holdout"] > 0.7
    assert json.loads(json.dumps(found.record, allow_nan=False)) == found.record


@pytest.mark.parametrize("kind", ["noise", "unseen"])
def test_noise_and_unseen_images_have_no_risk_in_any_space(kind):
    noise = np.random.default_rng(3).random((100, *SHAPE), np.float32)
    images = noise if kind == "noise" else smooth_images(4, 100)
    for figures in memorisation.audit(images, TRAIN, HOLDOUT, spaces()).record.values():
        assert figures["residual_risk"]["mean"] < 0.1
        assert figures["residual_risk"]["ci"][0] == 0


@pytest.mark.parametrize("kind", ["noise", "unseen"])
def test_neither_is_nearer_to_train_than_chance(kind):
    """At least 25 of 30: 95 % coverage fails this in 0.3 % of seeds."""
    covered, centre = 0, 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        real = smooth_images(100 + seed, 240)
        noise = rng.random((40, *SHAPE), np.float32)
        images = noise if kind == "noise" else real[200:]
        found = memorisation.audit(images, real[:100], real[100:200], PIXELS)
        low, high = found.record["pixels"]["closer_to_train"]["ci"]
        covered += low <= 0.5 <= high
        centre += found.record["pixels"]["closer_to_train"]["mean"] / 30
    assert covered >= 25
    assert abs(centre - 0.5) < 0.08


def test_holdout_and_train_change_places():
    copies = HOLDOUT[:10]
    figures = memorisation.audit(copies, TRAIN, HOLDOUT, PIXELS).record["pixels"]
    assert figures["closer_to_train"]["mean"] == 0
    assert figures["residual_risk"]["mean"] == 0
    assert figures["singled_out"]["holdout"]["mean"] == 1


def test_images_that_share_a_neighbour_count_as_one():
    same = np.repeat(TRAIN[:2], [8, 2], axis=0)
    figures = memorisation.audit(same, TRAIN, HOLDOUT, PIXELS).record["pixels"]
    assert figures["closer_to_train"]["mean"] == 1
    assert figures["closer_to_train"]["n"] == 10
    assert figures["closer_to_train"]["independent"] == 100 / 68
    assert figures["closer_to_train"]["ci"][0] < 0.5


def test_ties_count_one_half():
    figures = memorisation.audit(TRAIN[:6], TRAIN, TRAIN, PIXELS).record["pixels"]
    assert figures["closer_to_train"]["mean"] == 0.5
    assert figures["closer_to_train"]["independent"] == 6
    assert figures["residual_risk"]["mean"] == 0


def test_residual_risk_by_hand():
    risk, low, high = memorisation.residual_risk((0.6, 0.1), (0.2, 0.05))
    error = np.hypot(0.1 / 0.8, 0.05 * 0.4 / 0.64)
    assert (risk, low, high) == pytest.approx((0.5, 0.5 - error, 0.5 + error))
    assert memorisation.residual_risk((0.1, 0.1), (0.5, 0.1))[0] == 0


def test_bytes_and_floats_mean_the_same():
    whole = memorisation.audit(TRAIN[:5], TRAIN, HOLDOUT, PIXELS)
    floats = [x.astype(np.float32) / 255 for x in (TRAIN[:5], TRAIN, HOLDOUT)]
    assert memorisation.audit(*floats, PIXELS).record == whole.record


def test_bad_sets_are_refused():
    with pytest.raises(InputError, match="300 train and 299 holdout images"):
        memorisation.audit(TRAIN[:5], TRAIN, HOLDOUT[:-1], PIXELS)
    with pytest.raises(InputError, match="0 synthetic images"):
        memorisation.audit(TRAIN[:0], TRAIN, HOLDOUT, PIXELS)
    with pytest.raises(InputError, match="need 1 image or more, all of one shape"):
        memorisation.audit(TRAIN[:5, :4], TRAIN, HOLDOUT, PIXELS)
