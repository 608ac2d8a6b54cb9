"""BaVarIA and BASE against their definitions, point by point in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dd_jax.audits.privacy.base_score import base
from dd_jax.audits.privacy.bavaria import (
    MAX_DEGREES,
    bavaria,
    bavaria_offline,
    variance_prior,
)
from dd_jax.audits.privacy.rmia import rmia
from dd_jax.types import InputError

M, N, Q = 12, 40, 2


def world(seed=0, spread=1.0):
    """Log-odds whose variance differs from point to point; two points lack a side."""
    rng = np.random.default_rng(seed)
    halves = np.stack([rng.permutation(np.arange(N) < N // 2) for _ in range(M // 2)])
    member = np.stack([halves, ~halves], 1).reshape(M, N)
    member[:, 0], member[:, 1] = True, False
    member[:, 2] = np.arange(M) == 4  # one IN shadow
    width = np.exp(spread * rng.normal(size=(N, 1)))
    phi = rng.normal(size=(M, N, Q)) * width + member[..., None]
    return phi.astype(np.float32), member


def naive_laws(phi, member, target, side):
    """Frozen Student's t of each point and query, by the formulas; None without one."""
    phi, shadows = phi.astype(float), [s for s in range(M) if s // 2 != target // 2]
    laws = np.empty((N, Q), object)
    for j in range(Q):
        values = [
            [phi[s, i, j] for s in shadows if member[s, i] == side] for i in range(N)
        ]
        degrees = np.array([max(len(v) - 1, 0) for v in values])
        squares = np.array([np.var(v) * len(v) if v else 0.0 for v in values])
        own = squares[degrees > 0] / degrees[degrees > 0]
        d = degrees[degrees > 0].mean()
        c = np.var(own) / own.mean() ** 2
        nu = (4 * c * d + 2 * d - 4) / (c * d - 2) if c * d > 2 else np.inf
        nu = np.clip(nu, 4, MAX_DEGREES)
        scale = own.mean() * (nu - 2) / nu
        for i, v in enumerate(values):
            if v:
                freedom = nu + len(v) - 1
                variance = (nu * scale + squares[i]) / freedom * (1 + 1 / len(v))
                laws[i, j] = stats.t(freedom, np.mean(v), np.sqrt(variance))
    return laws


def as_gaussian(law):
    return stats.norm(law.args[1], law.args[2])


@pytest.mark.parametrize("form", ["t", "n"])
@pytest.mark.parametrize("target", [0, 7])
def test_bavaria_is_the_ratio_of_predictive_densities(target, form):
    phi, member = world()
    both = [naive_laws(phi, member, target, side) for side in (True, False)]
    expected = np.zeros((N, Q))
    for i, j in np.ndindex(N, Q):
        laws = [laws[i, j] for laws in both]
        if all(laws):
            laws = map(as_gaussian, laws) if form == "n" else laws
            inside, outside = (law.logpdf(phi[target, i, j]) for law in laws)
            expected[i, j] = inside - outside
    found = bavaria(phi, member, target, form=form)
    np.testing.assert_allclose(found, expected.mean(1), rtol=2e-3, atol=2e-3)
    assert found[0] == found[1] == 0  # one side only


@pytest.mark.parametrize("form, close", [("t", 0.02), ("n", 1e-4)])
def test_offline_is_the_tail_of_the_predictive_distribution(form, close):
    phi, member = world()
    laws, expected = naive_laws(phi, member, 5, False), np.full((N, Q), np.log(2))
    for i, j in np.ndindex(N, Q):
        if law := laws[i, j]:
            law = as_gaussian(law) if form == "n" else law
            expected[i, j] = -law.logsf(phi[5, i, j])
    found = bavaria_offline(phi, member, 5, form=form)
    np.testing.assert_allclose(found, expected.mean(1), rtol=close, atol=close)


def test_prior_is_found_where_variances_come_from_it():
    """Variances scale nu / chi^2_nu, seen through 9 degrees of freedom each."""
    rng, nu, scale, degrees = np.random.default_rng(0), 12.0, 3.0, 9
    true = scale * nu / rng.chisquare(nu, 100_000)
    squares = true * rng.chisquare(degrees, true.size)
    found = variance_prior(jnp.asarray(squares[:, None]), jnp.full(true.size, 9.0))
    np.testing.assert_allclose(found[0], nu, rtol=0.15)
    np.testing.assert_allclose(found[1], scale, rtol=0.03)


def test_equal_variances_are_pooled():
    """Sample variances that vary by chance alone get the most degrees of freedom."""
    squares = np.random.default_rng(1).chisquare(9, (20_000, 1))
    nu, scale = variance_prior(jnp.asarray(squares), jnp.full(len(squares), 9.0))
    assert nu > 60
    np.testing.assert_allclose(scale, 1, rtol=0.05)


def test_an_unknown_form_is_refused():
    for score in (bavaria, bavaria_offline):
        with pytest.raises(InputError, match="form: 'x' is not known; use t"):
            score(*world(), 0, form="x")


@pytest.mark.parametrize("scale", [None, 0.0, 0.4])
def test_base_is_the_ratio_to_the_mean_likelihood(scale):
    phi, member = world()
    member[:, 2] = np.arange(M) % 2 < 1  # this point is in half of the shadows
    log_p = np.asarray(jax.nn.log_sigmoid(phi))
    shadows = [s for s in range(M) if s // 2 != 1]
    found = base(log_p, member, 3, scale=scale)
    for i in range(2, N):
        p = np.exp(log_p[:, i].astype(float))
        seen = [s for s in shadows if scale is None or not member[s, i]]
        mean = np.log(np.mean([p[s] for s in seen], 0))
        expected = log_p[3, i] - (1 if scale is None else scale) * mean
        np.testing.assert_allclose(found[i], expected.mean(), rtol=1e-3, atol=1e-4)


def test_base_orders_one_query_as_rmia_does():
    phi, member = world()
    log_p = jax.nn.log_sigmoid(phi[:, :, :1])
    ratios, ranks = base(log_p, member, 4), rmia(log_p, member, 4)
    np.testing.assert_array_equal(np.argsort(ratios), np.argsort(ranks))
    assert len(np.unique(ranks)) == N


def test_base_refuses_a_scale_out_of_range():
    with pytest.raises(InputError, match="base: scale=1.5; need None"):
        base(*world(), 0, scale=1.5)
