"""Kernel ridge matching against NumPy, and its pool of networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.methods.kernel_ridge import ridge_predictions
from dd_jax.models import build
from dd_jax.runtime.stacked import row

CLASSES, IPC = 3, 2


def network():
    return build("convnet", CLASSES, (8, 8, 1), width=4, depth=1)


def real():
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 5)
    images = np.random.default_rng(3).integers(0, 256, (15, 8, 8, 1), dtype=np.uint8)
    return real_data(images, labels)


def frepo(**kw):
    return METHODS["frepo"](network(), ipc=IPC, batch_real=4, **kw)


@pytest.mark.parametrize("m, d", [(4, 9), (9, 4)])
def test_predictions_equal_a_ridge_regression_of_weights(m, d):
    rng = np.random.default_rng(0)
    support, queries = rng.normal(size=(m, d)), rng.normal(size=(5, d))
    targets, ridge = rng.normal(size=(m, 2)), 0.1
    share = ridge * (support**2).sum() / m
    weights = np.linalg.solve(support.T @ support + share * np.eye(d), support.T)
    got = ridge_predictions(*map(jnp.float32, (support, targets, queries)), ridge)
    np.testing.assert_allclose(got, queries @ weights @ targets, rtol=1e-3, atol=1e-4)


def test_loss_equals_numpy():
    method = frepo(pool=1, lr_labels=0.0)
    state = method.init(jax.random.key(0), real())
    batch = method.sample(jax.random.key(1), real())
    weights = np.float32([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    batch = Batch(batch.images, jnp.asarray(weights))
    _, info = jax.jit(method.update)(jax.random.key(2), state, batch)
    model = network()
    features = jax.jit(model.features)
    phi = lambda x: np.float64(features(row(state.pool.params, 0), x))
    made = jax.jit(method.read)(state)
    support = phi(made.images)
    queries = phi(np.asarray(batch.images).reshape(-1, 8, 8, 1))
    kernel = support @ support.T
    kernel += 1e-3 * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    targets = np.float64(made.labels) - 1 / CLASSES
    fitted = queries @ support.T @ np.linalg.solve(kernel, targets)
    truth = np.repeat(np.eye(CLASSES), 4, 0) - 1 / CLASSES
    errors = np.square(fitted - truth).sum(1)
    expected = (weights.ravel() * errors).sum() / weights.sum() / 2
    np.testing.assert_allclose(info["loss"], expected, rtol=2e-3)


@pytest.mark.slow
def test_one_network_of_the_pool_ages_at_a_time_and_the_old_are_replaced():
    method = frepo(pool=2, outer_steps=2)
    state = method.init(jax.random.key(0), real())
    update = jax.jit(method.update)
    assert state.steps_used.tolist() == [0, 1]
    seen = set()
    for i in range(12):
        batch = method.sample(jax.random.key(i), real())
        new, _ = update(jax.random.key(i), state, batch)
        pools = (state.pool.params, new.pool.params)
        pairs = list(zip(*(map(np.asarray, jax.tree.leaves(p)) for p in pools)))
        changed = [any((a[j] != b[j]).any() for a, b in pairs) for j in range(2)]
        assert sum(changed) == 1
        at = changed.index(True)
        old, step = int(state.steps_used[at]), int(new.steps_used[at])
        assert step == (0 if old >= 2 else old + 1)
        seen.add((at, step))
        state = new
    assert {step for _, step in seen} == {0, 1, 2} and {at for at, _ in seen} == {0, 1}


def test_labels_are_learned_unless_switched_off():
    for lr, learned in ((0.01, True), (0.0, False)):
        method = frepo(lr_labels=lr)
        state = method.init(jax.random.key(0), real())
        assert ("logits" in state.learned.params) == learned
