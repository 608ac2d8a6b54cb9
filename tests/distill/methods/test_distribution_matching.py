"""Distribution matching against loops over classes and hand-made linear networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.methods.distribution_matching import class_means, matching_loss
from dd_jax.models import build
from dd_jax.models.normalisation import standard_space
from dd_jax.types import Model

MEAN, STD = (0.4,), (0.25,)
SPACE = standard_space(MEAN, STD)
IPC, CLASSES = 2, 3


def convnet(norm="instance"):
    return build(
        "convnet", CLASSES, (8, 8, 1), mean=MEAN, std=STD, width=4, depth=1, norm=norm
    )


def frozen(model, params):
    """The model whose every random start is `params`."""
    return model._replace(init=lambda key: params)


def linear(weights):
    """Features are `weights` times the pixels; no logits are needed."""
    features = lambda params, images, train=False: (
        images.reshape(len(images), -1) @ params["w"]
    )
    return Model(lambda key: {"w": jnp.asarray(weights)}, None, features, None, SPACE)


def batch_of(key, size=5, weights=None):
    images = jax.random.uniform(key, (CLASSES, size, 8, 8, 1))
    return Batch(images, jnp.ones((CLASSES, size)) if weights is None else weights)


def dm(model, **kw):
    return METHODS["dm"](model, ipc=IPC, init="noise", **kw)


def started(method, size=8):
    rng = np.random.default_rng(3)
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 4)
    images = rng.integers(0, 256, (len(labels), size, size, 1), dtype=np.uint8)
    return method.init(jax.random.key(0), real_data(images, labels))


def stored(state):
    return state.params["images"]


def loop_means(model, params, batch):
    """Features of each image on its own, averaged class by class."""
    means = []
    for images, weights in zip(batch.images, np.asarray(batch.weights)):
        present = [x for x, w in zip(images, weights) if w]
        rows = [np.asarray(model.features(params, x[None]))[0] for x in present]
        means.append(np.sum(rows, 0) / len(rows))
    return np.stack(means)


WEIGHTS = {
    "balanced": None,
    "unbalanced": np.float32([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]),
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_class_means_equal_a_loop_over_images(weights):
    model = convnet()
    params = model.init(jax.random.key(0))
    batch = batch_of(jax.random.key(1), weights=weights)
    expected = loop_means(model, params, batch)
    np.testing.assert_allclose(class_means(model, params, batch), expected, atol=1e-5)


def test_class_means_over_more_images_than_one_chunk():
    w = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    batch = batch_of(jax.random.key(1), size=23)
    got = class_means(linear(w), {"w": w}, batch)
    flat = np.asarray(batch.images).reshape(CLASSES, 23, 64)
    np.testing.assert_allclose(got, flat.mean(1) @ w, atol=1e-4)


def test_networks_with_batch_norm_see_all_classes_as_one_batch():
    model = convnet("batch")
    params = model.init(jax.random.key(0))
    batch = batch_of(jax.random.key(1), weights=WEIGHTS["unbalanced"])
    joint = np.asarray(
        model.features(params, batch.images.reshape(-1, 8, 8, 1), train=True)
    ).reshape(CLASSES, 5, -1)
    expected = [f[w > 0].mean(0) for f, w in zip(joint, np.asarray(batch.weights))]
    got = class_means(model, params, batch)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    apart = np.stack(
        [np.asarray(model.features(params, x, train=True)).mean(0) for x in batch[0]]
    )
    assert np.abs(got - apart).max() > 1e-3


def test_matching_loss_by_hand():
    real = jnp.array([[1.0, 2.0], [0.0, 0.0]])
    synthetic = jnp.array([[0.0, 4.0], [3.0, 0.0]])
    assert float(matching_loss(real, synthetic)) == 1 + 4 + 9


def naive_loss(model, params, batch, theta):
    """A loop over classes and images; differentiable in theta."""
    total = 0.0
    for images, own in zip(batch.images, theta):
        real = sum(model.features(params, x[None])[0] for x in images) / len(images)
        decoded = [x * STD[0] + MEAN[0] for x in own]
        fake = sum(model.features(params, x[None])[0] for x in decoded) / len(own)
        total = total + ((real - fake) ** 2).sum()
    return total


def test_loss_and_gradient_equal_a_loop_over_classes():
    params = convnet().init(jax.random.key(7))
    model = frozen(convnet(), params)
    method, batch = dm(model, lr=1.0, momentum=0.0), batch_of(jax.random.key(1), 3)
    state = started(method)
    new, info = jax.jit(method.update)(jax.random.key(2), state, batch)
    reference = jax.jit(lambda t: naive_loss(model, params, batch, t))
    loss, gradient = jax.value_and_grad(reference)(stored(state))
    np.testing.assert_allclose(info["loss"], loss, rtol=1e-4)
    scale = np.abs(gradient).max()
    step = np.asarray(stored(state) - stored(new))
    np.testing.assert_allclose(step, gradient, atol=1e-4 * scale)


def test_two_steps_on_a_linear_network_equal_numpy_momentum_descent():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(16, 5)).astype(np.float32)
    images = rng.uniform(size=(2, CLASSES, 4, 4, 4, 1)).astype(np.float32)
    weights = np.float32([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    method = dm(linear(w), lr=0.3, momentum=0.5)
    state = started(method, size=4)
    theta = np.float64(stored(state)).reshape(CLASSES, IPC, 16)
    trace = np.zeros_like(theta)
    for t in range(2):
        state, info = method.update(jax.random.key(t), state, Batch(images[t], weights))
        flat = images[t].reshape(CLASSES, 4, 16).astype(np.float64)
        real = np.stack([x[k > 0].mean(0) for x, k in zip(flat, weights)]) @ w
        gap = real - (theta * STD[0] + MEAN[0]).mean(1) @ w
        np.testing.assert_allclose(info["loss"], np.square(gap).sum(), rtol=1e-4)
        gradient = -2 * STD[0] / IPC * (gap @ w.T)[:, None]
        trace = 0.5 * trace + gradient
        theta = theta - 0.3 * trace
        got = np.asarray(stored(state)).reshape(theta.shape)
        np.testing.assert_allclose(got, theta, rtol=1e-4, atol=1e-4)


def test_batch_norm_update_standardises_the_synthetic_batch():
    params = convnet("batch").init(jax.random.key(7))
    model = frozen(convnet("batch"), params)
    method, batch = dm(model), batch_of(jax.random.key(1))
    state = started(method)
    _, info = jax.jit(method.update)(jax.random.key(2), state, batch)
    images = method.read(state).images
    fake = model.features(params, images, train=True).reshape(CLASSES, IPC, -1).mean(1)
    real = class_means(model, params, batch)
    np.testing.assert_allclose(info["loss"], matching_loss(real, fake), rtol=1e-4)


def test_every_step_takes_a_fresh_network():
    method, batch = dm(convnet()), batch_of(jax.random.key(1))
    state, update = started(method), jax.jit(method.update)
    losses = {float(update(jax.random.key(i), state, batch)[1]["loss"]) for i in (1, 2)}
    assert len(losses) == 2


def test_each_class_is_augmented_alike_on_both_sides_and_by_a_key_of_its_own():
    calls = []

    def note(data, count, level):
        calls.append((tuple(data.tolist()), int(count), round(float(level), 2)))

    def recording(key, images):
        data = jax.random.key_data(key)
        jax.debug.callback(note, data, len(images), images.mean())
        return images

    levels = jnp.array([0.2, 0.4, 0.6])
    flat = jnp.broadcast_to(levels[:, None, None, None, None], (CLASSES, 5, 4, 4, 1))
    method = dm(linear(np.eye(16, dtype=np.float32)), augment=recording)
    state = started(method, size=4)
    state = state._replace(params={"images": (flat[:, :IPC] - MEAN[0]) / STD[0]})
    update = jax.jit(method.update)
    batch = Batch(flat, jnp.ones((CLASSES, 5)))
    jax.block_until_ready(update(jax.random.key(0), state, batch))
    jax.effects_barrier()
    real = {(key, level) for key, count, level in calls if count == 5}
    synthetic = {(key, level) for key, count, level in calls if count == IPC}
    assert real == synthetic
    assert sorted(level for _, level in real) == [0.2, 0.4, 0.6]
    assert len({key for key, _ in real}) == CLASSES


def test_an_offset_on_both_sides_of_a_linear_network_cancels():
    w = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    shift = lambda key, images: images + jax.random.uniform(key, maxval=0.5)
    batch = Batch(
        jax.random.uniform(jax.random.key(1), (CLASSES, 5, 4, 4, 1)),
        jnp.ones((CLASSES, 5)),
    )
    plain, shifted = dm(linear(w)), dm(linear(w), augment=shift)
    state = started(plain, size=4)
    expected, _ = plain.update(jax.random.key(2), state, batch)
    got, _ = shifted.update(jax.random.key(2), state, batch)
    np.testing.assert_allclose(stored(got), stored(expected), rtol=1e-4, atol=1e-4)


def test_images_are_not_clamped():
    method = dm(convnet())
    images = np.asarray(method.read(started(method)).images)
    assert images.min() < 0 and images.max() > 1


def test_soft_labels_weigh_the_means_of_every_class():
    w = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    method = dm(linear(w), lr_labels=1.0)
    state = started(method, size=4)
    logits = np.random.default_rng(1).normal(size=(CLASSES, IPC, CLASSES))
    state = state._replace(params=state.params | {"logits": jnp.float32(logits)})
    batch = Batch(
        jax.random.uniform(jax.random.key(1), (CLASSES, 5, 4, 4, 1)),
        jnp.ones((CLASSES, 5)),
    )
    _, info = method.update(jax.random.key(2), state, batch)
    labels = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    images = np.asarray(stored(state)) * STD[0] + MEAN[0]
    loss = 0.0
    for c in range(CLASSES):
        total = sum(
            labels[g, j, c] * (images[g, j].ravel() @ w)
            for g in range(CLASSES)
            for j in range(IPC)
        )
        real = np.mean([np.ravel(x) @ w for x in batch.images[c]], 0)
        loss += np.square(real - total / labels[..., c].sum()).sum()
    np.testing.assert_allclose(info["loss"], loss, rtol=1e-4)
