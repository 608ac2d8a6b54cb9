"""Influences are the derivatives of figures by the weights of cells."""

import numpy as np
import pytest

from dd_jax.audits.privacy.influence import of_mean_auc, of_rates
from dd_jax.audits.privacy.metrics import auc


def table(models=4, points=11, ties=True):
    rng = np.random.default_rng(0)
    member = np.stack([rng.permutation(points) < 5 for _ in range(models)])
    scores = rng.normal(size=member.shape) + member
    return np.round(scores) if ties else scores, member


def weighted_auc(scores, member, weights):
    """Share of weighted pairs won, ties one half."""
    gap = scores[member][:, None] - scores[~member][None]
    pairs = np.outer(weights[member], weights[~member])
    return np.sum(pairs * ((gap > 0) + 0.5 * (gap == 0))) / pairs.sum()


@pytest.mark.parametrize("ties", [False, True])
def test_auc(ties):
    scores, member = table(ties=ties)
    areas = np.array([auc(*row) for row in zip(scores, member, strict=True)])
    found = of_mean_auc(scores, member)
    np.testing.assert_allclose(found.sum(1), (areas - areas.mean()) / 4, atol=1e-12)
    own = found - (areas - areas.mean())[:, None] / found.size
    for t, i in np.ndindex(scores.shape):
        step = 1e-6 * (np.arange(11) == i)
        moved = [weighted_auc(scores[t], member[t], 1 + s) for s in (step, -step)]
        assert own[t, i] == pytest.approx((moved[0] - moved[1]) / 2e-6 / 4, abs=1e-6)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.5])
def test_rates(weight):
    scores, member = table()
    called = scores > 0.5

    def figure(weights):
        rates = [np.average(called[s], weights=weights[s]) for s in (member, ~member)]
        return rates[0] - weight * rates[1]

    value, found = of_rates(called, member, weight)
    assert value == pytest.approx(figure(np.ones(scores.shape)))
    for cell in np.ndindex(scores.shape):
        step = np.zeros(scores.shape)
        step[cell] = 1e-6
        slope = (figure(1 + step) - figure(1 - step)) / 2e-6
        assert found[cell] == pytest.approx(slope, abs=1e-6)


def test_variance_of_the_auc_of_one_target_is_that_of_delong():
    """Sums of squares by side, each over its n (n - 1), against simulated AUCs."""
    rng, areas, variances = np.random.default_rng(1), [], []
    member = np.arange(80) < 30
    for _ in range(2000):
        scores = rng.normal(size=(1, 80)) + member
        found = of_mean_auc(scores, member[None])[0]
        areas.append(auc(scores, member[None]))
        variances.append(np.square(found).sum())
    assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.1)
