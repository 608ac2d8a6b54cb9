import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy.rmia import fraction_below, log_ratio, rmia
from dd_jax.types import InputError

FEW = st.integers(-3, 3).map(float)


@settings(max_examples=30, deadline=None)
@given(st.lists(FEW, min_size=5, max_size=5), st.lists(FEW, min_size=7, max_size=7))
def test_rank_form_equals_the_form_of_all_pairs(values, population):
    values, population = np.exp2(values), np.exp2(population)  # exact quotients
    pairs = values[:, None] / population[None] > 1
    found = fraction_below(jnp.asarray(values), jnp.asarray(population))
    np.testing.assert_array_equal(np.rint(7 * found), pairs.sum(1))
    np.testing.assert_allclose(found, pairs.mean(1), rtol=1e-6)


def world(n=15, scale=1.0):
    rng = np.random.default_rng(0)
    halves = np.stack([rng.permutation(np.arange(n) < n // 2) for _ in range(4)])
    member = np.stack([halves, ~halves], 1).reshape(8, n)
    member[:, 0], member[:, 1] = True, False
    log_p = -np.round(scale * rng.exponential(size=(8, n, 2)), 1)
    return log_p.astype(np.float32), member


def naive_ratio(log_p, member, target, a):
    p = np.exp(log_p.astype(np.float64))
    shadows = [s for s in range(8) if s not in (target, target ^ 1)]
    out = np.empty(p.shape[1:])
    for i in range(p.shape[1]):
        sides = {
            side: [p[s, i] for s in shadows if member[s, i] == side]
            for side in (True, False)
        }
        means = {side: np.mean(v, 0) for side, v in sides.items() if v}
        if a is None:
            reference = np.mean(list(means.values()), 0)
        else:
            reference = ((1 + a) * means.get(False, 0) + 1 - a) / 2
        out[i] = p[target, i] / reference
    return out


@pytest.mark.parametrize("a", [None, 0.0, 0.3])
@pytest.mark.parametrize("target", [0, 5])
def test_ratio_matches_the_naive_form(target, a):
    case = world()
    np.testing.assert_allclose(
        np.exp(log_ratio(*case, target, a)), naive_ratio(*case, target, a), rtol=1e-4
    )


def test_score_is_the_share_of_pairs_won():
    log_p, member = world()
    log_p[:, 3] = log_p[:, 4]  # the same point twice: a tie
    member[:, 3] = member[:, 4]
    ratio = np.asarray(log_ratio(log_p, member, 2, None))
    won = ratio[:, None] > ratio[None]
    found = rmia(log_p, member, 2)
    np.testing.assert_allclose(found, won.mean(1).mean(-1), rtol=1e-6)
    assert found[3] == found[4]


def test_offline_does_not_look_at_models_that_saw_the_point():
    log_p, member = world()
    changed = np.where(member[..., None], -9.0, log_p)
    changed[2] = log_p[2]
    same = [np.asarray(rmia(z, member, 2, a=0.5)) for z in (log_p, changed)]
    np.testing.assert_array_equal(*same)
    assert not np.allclose(rmia(log_p, member, 2), rmia(changed, member, 2))


def test_offline_assumption_is_checked():
    with pytest.raises(InputError, match="a=1.5; need None"):
        rmia(*world(), 0, a=1.5)
