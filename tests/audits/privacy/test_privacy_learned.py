"""The two scores that fit something: shadow classifier and quantile regression."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from dd_jax.audits.privacy import quantile
from dd_jax.audits.privacy.metrics import auc
from dd_jax.audits.privacy.scores import SCORES
from dd_jax.audits.privacy.shadow_classifier import fit_per_class, posterior_signal
from dd_jax.audits.privacy.shadows import shadow_indices


def test_attack_models_are_penalised_logistic_regressions_one_a_class():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 80, 1, 3)).astype(np.float32)
    labels = np.arange(80) % 2
    slopes = np.array([[1.5, 0.0, -0.5], [-1.0, 0.7, 0.0]])
    odds = np.einsum("snqd,nd->sn", x, slopes[labels])
    outcome = (rng.random(odds.shape) < expit(odds)).astype(np.float32)
    found = fit_per_class(x, outcome, jax.nn.one_hot(labels, 2))
    for c in (0, 1):
        own = labels == c
        oracle = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8)
        oracle.fit(x[:, own].reshape(-1, 3), outcome[:, own].ravel())
        np.testing.assert_allclose(found[c], oracle.coef_[0], atol=2e-3)


def test_posterior_features_put_the_right_class_first_and_sort_the_rest():
    logits = jnp.array([0.0, 3.0, 1.0, 2.0, -1.0]).reshape(1, 1, 1, 5)
    features, classes = posterior_signal(logits, jnp.array([2]), None)
    log_p = np.asarray(jax.nn.log_softmax(logits)).ravel()
    np.testing.assert_allclose(features.ravel()[1:], log_p[[1, 3, 0]], rtol=1e-6)
    np.testing.assert_allclose(
        features.ravel()[0], log_p[2] - np.log1p(-np.exp(log_p[2])), rtol=1e-5
    )
    np.testing.assert_array_equal(classes, [[0, 0, 1, 0, 0]])


def test_shadow_indices_are_whole_pairs_without_the_target():
    for target in range(8):
        rows = shadow_indices(8, target, 4).tolist()
        assert len(set(rows)) == 4
        assert not {target, target ^ 1} & set(rows)
        assert {row ^ 1 for row in rows} == set(rows)
        assert len(shadow_indices(8, target, 16)) == 6


def test_shadow_classifier_learns_opposite_signs_in_two_classes():
    """Members are surer in class 0 and less sure in class 1: no global threshold."""
    rng = np.random.default_rng(1)
    m, n = 12, 400
    half = np.stack([rng.permutation(np.arange(n) < n // 2) for _ in range(m // 2)])
    member = np.stack([half, ~half], 1).reshape(m, n)
    labels = np.arange(n) % 2
    phi = rng.normal(size=(m, n)) + 2 * member * np.where(labels, -1, 1)
    logits = np.stack([phi, np.zeros_like(phi)], -1)
    logits[:, labels == 1] = logits[:, labels == 1, ::-1]
    world = jnp.asarray(logits[:, :, None], jnp.float32), labels, member
    assert auc(SCORES["shadow_classifier"](*world, 4), member[4]) > 0.88
    assert abs(auc(SCORES["loss"](*world, 4), member[4]) - 0.5) < 0.1


def test_leave_one_out_residuals_equal_refitting_without_each_point():
    rng = np.random.default_rng(2)
    n, k = 30, 2
    x = np.column_stack([np.ones(n), rng.random((n, 2))])
    value = rng.normal(size=n) * 3 + 2 * x[:, 1]
    known, labels = rng.random(n) < 0.6, np.arange(n) % k
    residual, deviation = quantile.leave_one_out_residuals(
        *(jnp.asarray(a, jnp.float32) for a in (x, value, known, np.eye(k)[labels]))
    )
    for i in range(n):
        fit = known & (labels == labels[i]) & (np.arange(n) != i)
        gram = x[fit].T @ x[fit] + quantile.RIDGE * np.eye(3)
        slopes = np.linalg.solve(gram, x[fit].T @ value[fit])
        squares = np.sum((value[fit] - x[fit] @ slopes) ** 2)
        squares += quantile.RIDGE * slopes @ slopes
        spread = np.sqrt((squares + quantile.PRIOR) / (fit.sum() + 1))
        np.testing.assert_allclose(residual[i], value[i] - x[i] @ slopes, atol=5e-3)
        np.testing.assert_allclose(deviation[i], spread, rtol=5e-3)


def test_features_of_wrong_classes_do_not_move_with_the_right_one():
    logits = jnp.array([1.0, 0.0, 0.0, 0.0]).reshape(1, 1, 1, 4)
    features = [
        quantile.quantile_signal(z, jnp.array([0]), None).features.ravel()
        for z in (logits, logits.at[..., 0].set(30.0))
    ]
    np.testing.assert_array_equal(*features)
    np.testing.assert_allclose(features[0], [1, 1, 1 / 3], rtol=1e-5)


def test_quantile_sees_through_the_difficulty_of_a_class():
    rng = np.random.default_rng(3)
    n = 1000
    labels, member = np.arange(n) % 2, rng.random(n) < 0.5
    phi = rng.normal(size=n) + 1.5 * member + 6 * labels
    logits = np.stack([phi, np.zeros(n)], -1)
    logits[labels == 1] = logits[labels == 1, ::-1]
    logits = jnp.asarray(logits[None, :, None], jnp.float32)
    found = auc(SCORES["quantile"](logits, labels, member[None], 0), member)
    assert abs(found - 0.856) < 0.03  # Phi(1.5 / sqrt 2)
    assert auc(SCORES["loss"](logits, labels, member[None], 0), member) < 0.75
