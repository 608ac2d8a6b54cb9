"""LiRA where the answer is known: IN ~ N(d, 1), OUT ~ N(0, 1) for every point."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

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


@partial(jax.jit, static_argnames=("name", "options"))
def scores_of_first_targets(name, options, logits, labels, member):
    score = lambda t: SCORES[name](logits, labels, member, t, **dict(options))
    return jax.lax.map(score, jnp.arange(24))


FIXED = (("variance", "fixed"),)


def near(estimate, expected):
    """Within 3 standard errors: 1.53 times as far as the bound of a 95 % interval."""
    low, high = estimate["ci"]
    bound = low if expected < estimate["mean"] else high
    return abs(expected - estimate["mean"]) <= 1.53 * abs(bound - estimate["mean"])


@pytest.mark.parametrize(
    "name, options, separation",
    [
        ("lira_online", FIXED, 0.5),
        pytest.param("lira_online", FIXED, 1.0, marks=pytest.mark.slow),
        ("lira_online", FIXED, 2.0),
        ("rmia", (), 1.0),
        ("calibrated", (), 1.0),
        ("calibrated_out", (), 1.0),
    ],
    ids=str,
)
def test_many_shadows_reach_the_likelihood_ratio_test(name, options, separation):
    """All points are alike here, so that each of these scores orders as phi does."""
    world = gaussian_world(0, separation, models=300, points=1000)
    scores = scores_of_first_targets(name, options, *world)
    found = summarise(scores, world[2][:24], seed=0)

    low, high = found["auc"]["ci"]
    assert near(found["auc"], ndtr(separation / np.sqrt(2)))
    assert high - low < 0.04
    for level in ("0.1", "0.01", "0.001"):
        estimate = found["tpr_at_fpr"][level]
        low, high = estimate["ci"]
        assert estimate["resolved"]
        expected = ndtr(separation + ndtri(float(level)))
        assert near(estimate, expected)
        assert high - low < 0.02 + 1.1 * expected
    assert not found["tpr_at_fpr"]["0.0001"]["resolved"]


@pytest.mark.parametrize("name", SCORES)
def test_no_leak_gives_one_half_with_sixteen_models(name):
    world = gaussian_world(1, 0.0, models=16, points=600)
    found = summarise(all_targets(name, *world), world[2], seed=0)
    low, high = found["auc"]["ci"]
    assert near(found["auc"], 0.5)
    assert high - low < 0.05
    assert near(found["tpr_at_fpr"]["0.01"], 0.01)
    assert found["tpr_at_fpr"]["0.01"]["ci"][1] < 0.03


def null_auc(left_out):
    """Log-ratio of Gaussians of variance 1 by hand, over 16 models and 4000 points."""
    _, _, member = world = gaussian_world(2, 0.0, models=16, points=4000)
    phi = world[0][:, :, 0, 0].astype(float)
    aucs = []
    for target in range(16):
        shadows = [s for s in range(16) if s not in left_out(target)]
        inside, outside = (
            np.nanmedian(np.where(side[shadows], phi[shadows], np.nan), axis=0)
            for side in (member, ~member)
        )
        gap = (phi[target] - outside) ** 2 - (phi[target] - inside) ** 2
        aucs.append(auc(gap / 2, member[target]))
    return np.mean(aucs)


def test_keeping_the_complement_would_bias_the_null():
    assert null_auc(lambda t: (t,)) < 0.492
    assert abs(null_auc(lambda t: (t, t ^ 1)) - 0.5) < 0.005
    world = gaussian_world(2, 0.0, models=16, points=4000)
    every = all_targets("lira_online", *world)
    found = np.mean([auc(*row) for row in zip(every, world[2], strict=True)])
    assert abs(found - 0.5) < 0.005
