"""Learned labels, learning rates and clamped pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import real_data
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.types import PIXELS, InputError


def start(**kw):
    labels = np.repeat(np.arange(3, dtype=np.int32), 4)
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    learner = synthetic(ipc=2, space=PIXELS, **kw)
    return learner, learner.init(jax.random.key(0), real_data(images, labels))


def zeros(theta):
    return jax.tree.map(jnp.zeros_like, theta)


def test_labels_start_at_nine_tenths_of_their_class():
    learner, state = start(lr=1.0, lr_labels=1.0)
    labels = np.asarray(learner.read(state).labels)
    own = np.repeat(np.arange(3), 2)
    np.testing.assert_allclose(labels[np.arange(6), own], 0.9, rtol=1e-5)
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)


def test_each_entry_descends_by_its_own_step_size_with_momentum():
    learner, state = start(lr=2.0, lr_labels=3.0, lr_lr=0.5, momentum=0.5)
    ones = jax.tree.map(jnp.ones_like, state.params)
    moved = learner.update(learner.update(state, ones), ones)
    for name, lr in {"images": 2.0, "logits": 3.0, "log_lr": 0.5}.items():
        change = np.asarray(state.params[name] - moved.params[name])
        np.testing.assert_allclose(change, lr * (1 + 1.5), rtol=1e-5)


@pytest.mark.parametrize("slope", [1e3, -1e3])
def test_the_step_size_stays_positive(slope):
    learner, state = start(lr=1.0, lr_lr=0.01, train_lr=0.05)
    assert float(learner.read(state).lr) == pytest.approx(0.05)
    gradient = zeros(state.params) | {"log_lr": jnp.float32(slope)}
    rate = float(learner.read(learner.update(state, gradient)).lr)
    assert rate > 0 and (rate < 0.05) == (slope > 0)


def test_without_their_step_sizes_labels_and_rate_are_not_learned():
    learner, state = start(lr=1.0, train_lr=0.02)
    assert set(state.params) == {"images"}
    made = learner.read(state)
    np.testing.assert_array_equal(made.labels, np.repeat(np.eye(3), 2, 0))
    assert float(made.lr) == pytest.approx(0.02)


@pytest.mark.parametrize("init", ["noise", "real"])
def test_clamped_pixels_stay_in_the_unit_interval(init):
    learner, state = start(lr=1.0, init=init, clamp=True)
    for seed in range(3):
        noise = jax.random.normal(jax.random.key(seed), state.params["images"].shape)
        state = learner.update(state, {"images": 3 * noise})
        images = np.asarray(learner.read(state).images)
        assert images.min() >= 0 and images.max() <= 1
    assert images.std() > 0.1


def test_images_to_start_from_have_the_shape_of_the_set():
    few = lambda key, real, ipc, enter: jnp.zeros((3, 1, 4, 4, 1))
    with pytest.raises(
        InputError, match=r"shape \(3, 1, 4, 4, 1\), not \(3, 2, 4, 4, 1"
    ):
        start(init=few, lr=1.0)
