from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dd_jax.audits.privacy.lira import variance_used
from dd_jax.audits.privacy.scores import SCORES, all_targets
from dd_jax.types import InputError

M, N, Q, K = 8, 12, 2, 3


def pairs(rng, models, points):
    """Complementary halves, rows 2i and 2i+1, each with points // 2 members."""
    half = np.arange(points) < points // 2
    masks = np.stack([rng.permutation(half) for _ in range(models // 2)])
    return np.stack([masks, ~masks], axis=1).reshape(models, points)


def shadow_world(seed=0, m=M, n=N, q=Q, k=K, scale=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n).astype(np.int32)
    member = pairs(rng, m, n)
    logits = scale * rng.normal(size=(m, n, q, k)).astype(np.float32)
    return jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(member)


@partial(jax.jit, static_argnames=("name", "options"))
def compiled(name, logits, labels, member, target, options=()):
    return SCORES[name](logits, labels, member, target, **dict(options))


def score(name, logits, labels, member, target, **options):
    return compiled(name, logits, labels, member, target, tuple(options.items()))


def naive(name, logits, labels, member, target, variance="auto"):
    """The definitions, point by point, query by query, in float64."""
    logits, member = np.asarray(logits, np.float64), np.asarray(member)
    m, n, q, k = logits.shape
    if variance == "auto":
        variance = "fixed" if m - 2 < 64 else "per_example"
    phi = np.zeros((m, n, q))
    for i in range(n):
        others = [j for j in range(k) if j != labels[i]]
        right = logits[:, i, :, labels[i]]
        phi[:, i] = right - np.log(np.exp(logits[:, i][..., others]).sum(-1))
    if name == "loss":
        return -np.log1p(np.exp(-phi[target])).mean(-1)

    shadows = [s for s in range(m) if s not in (target, target ^ 1)]

    def values(i, j, side):
        return np.array([phi[s, i, j] for s in shadows if member[s, i] == side])

    def fixed(j, side):
        residuals = []
        for i in range(n):
            v = values(i, j, side)
            residuals.extend(v - v.mean() if len(v) else v)
        return max(np.sqrt(np.mean(np.square(residuals))), 1e-6)

    def gaussian(i, j, side):
        v = values(i, j, side)
        own = variance == "per_example" and len(v) > 1
        return np.median(v), max(v.std(), 1e-6) if own else fixed(j, side)

    scores = np.zeros((n, q))
    for i in range(n):
        for j in range(q):
            has = {side: len(values(i, j, side)) > 0 for side in (True, False)}
            z = phi[target, i, j]
            if name == "lira_online" and has[True] and has[False]:
                scores[i, j] = stats.norm.logpdf(z, *gaussian(i, j, True))
                scores[i, j] -= stats.norm.logpdf(z, *gaussian(i, j, False))
            if name == "lira_offline":
                law = gaussian(i, j, False) if has[False] else (z, 1.0)
                scores[i, j] = -stats.norm.logsf(z, *law)
    return scores.mean(-1)


@pytest.mark.parametrize("target", [0, 5])
@pytest.mark.parametrize("variance", ["fixed", "per_example"])
@pytest.mark.parametrize("name", ["lira_online", "lira_offline"])
def test_lira_matches_the_naive_form(name, variance, target):
    world = shadow_world()
    np.testing.assert_allclose(
        score(name, *world, target, variance=variance),
        naive(name, *world, target, variance=variance),
        rtol=2e-3,
        atol=2e-4,
    )


@pytest.mark.parametrize("variance", ["fixed", "per_example"])
@pytest.mark.parametrize("name", ["lira_online", "lira_offline"])
def test_points_with_few_shadows_on_a_side(name, variance):
    logits, labels, member = shadow_world()
    member = np.array(member)
    member[:, 0] = True  # no OUT shadow
    member[:, 1] = False  # no IN shadow
    member[:, 2] = np.arange(M) == 4  # one IN shadow
    member[:, 3] = np.arange(M) != 4  # one OUT shadow
    found = score(name, logits, labels, member, 0, variance=variance)
    expected = naive(name, logits, labels, member, 0, variance=variance)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)
    if name == "lira_online":
        assert found[0] == found[1] == 0
    else:
        np.testing.assert_allclose(found[0], np.log(2), rtol=1e-6)


def test_loss_matches_the_naive_form():
    world = shadow_world()
    np.testing.assert_allclose(
        score("loss", *world, 3), naive("loss", *world, 3), rtol=1e-4
    )


def test_auto_variance_is_fixed_below_64_shadows():
    assert variance_used(64) == "fixed"
    assert variance_used(66) == "per_example"
    assert variance_used(66, "fixed") == "fixed"
    assert variance_used(4, "per_example") == "per_example"
    world = shadow_world(m=66, n=4)
    found = all_targets("lira_online", *world)
    same = all_targets("lira_online", *world, variance="per_example")
    np.testing.assert_array_equal(found, same)
    unlike = all_targets("lira_online", *world, variance="fixed")
    assert not np.allclose(found, unlike)
    with pytest.raises(InputError, match="'global' is not known; use auto, fixed"):
        variance_used(16, "global")


def test_all_targets_refuses_bad_input():
    logits, labels, member = shadow_world()
    with pytest.raises(InputError, match="no score 'nope'; there are lira_online"):
        all_targets("nope", logits, labels, member)
    with pytest.raises(InputError, match=r"shape \(8, 11\) against logits"):
        all_targets("loss", logits, labels, member[:, :-1])
    with pytest.raises(InputError, match="8 rows; need at least 2 complementary pairs"):
        all_targets("loss", logits, labels, np.roll(member, 1, axis=0))
    with pytest.raises(InputError, match="2 rows; need at least 2 complementary pairs"):
        all_targets("loss", logits[:2], labels, member[:2])
    with pytest.raises(InputError, match="use auto, fixed or per_example"):
        all_targets("lira_online", logits, labels, member, variance="x")
