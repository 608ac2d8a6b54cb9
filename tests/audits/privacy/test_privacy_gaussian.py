"""LiRA where the answer is known: IN ~ N(d, 1), OUT ~ N(0, 1) for every point."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from dd_jax.audits.privacy import lira
from dd_jax.audits.privacy.metrics import auc, summarise
from dd_jax.audits.privacy.scores import SCORES, all_targets


def gaussian_world(seed, separation, models, points):
    """Two classes: logits (phi, 0) of class 0 have phi as their log-odds."""
    rng = np.random.default_rng(seed)
    half = np.arange(points) < points // 2
    masks = np.stack([rng.permutation(half) for _ in range(models // 2)])
    member = np.stack([masks, ~masks], axis=1).reshape(models, points)
    phi = separation * member + rng.normal(size=member.shape)
    logits = np.stack([phi, np.zeros_like(phi)], axis=-1)[:, :, None]
    return logits.astype(np.float32), np.zeros(points, np.int32), member


@jax.jit
def scores_of_first_targets(logits, labels, member):
    score = lambda t: SCORES["lira_online"](logits, labels, member, t, variance="fixed")
    return jax.lax.map(score, jnp.arange(24))


@pytest.mark.parametrize("separation", [0.5, 1.0, 2.0])
def test_many_shadows_reach_the_likelihood_ratio_test(separation):
    world = gaussian_world(0, separation, models=300, points=1000)
    found = summarise(scores_of_first_targets(*world), world[2][:24], seed=0)

    low, high = found["auc"]["ci"]
    assert low <= ndtr(separation / np.sqrt(2)) <= high
    assert high - low < 0.04
    for level in ("0.1", "0.01", "0.001"):
        estimate = found["tpr_at_fpr"][level]
        low, high = estimate["ci"]
        assert estimate["resolved"]
        expected = ndtr(separation + ndtri(float(level)))
        assert low <= expected <= high
        assert high - low < 0.02 + 1.1 * expected
    assert not found["tpr_at_fpr"]["0.0001"]["resolved"]


@pytest.mark.parametrize("name", SCORES)
def test_no_leak_gives_one_half_with_sixteen_models(name):
    world = gaussian_world(1, 0.0, models=16, points=600)
    found = summarise(all_targets(name, *world), world[2], seed=0)
    low, high = found["auc"]["ci"]
    assert low <= 0.5 <= high
    assert high - low < 0.08
    low, high = found["tpr_at_fpr"]["0.01"]["ci"]
    assert low <= 0.01 <= high < 0.04


def null_auc(shadows, monkeypatch):
    monkeypatch.setattr(lira, "shadows", shadows)
    score = lambda world, t: SCORES["lira_online"](*world, t)
    every = jax.jit(lambda w: jax.lax.map(lambda t: score(w, t), jnp.arange(16)))
    world = gaussian_world(2, 0.0, models=16, points=4000)
    return np.mean([auc(*row) for row in zip(every(world), world[2], strict=True)])


def test_keeping_the_complement_would_bias_the_null(monkeypatch):
    honest = null_auc(lira.shadows, monkeypatch)
    biased = null_auc(lambda m, t: jnp.arange(m) != t, monkeypatch)
    assert abs(honest - 0.5) < 0.005
    assert biased < 0.492
