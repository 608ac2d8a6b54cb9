"""BatchedMethod gradient matching against the single form, shadow by shadow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import METHODS, batched_form, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.batched.shadow_condensation import shadow_gradients
from dd_jax.distill.methods.gradient_matching import (
    GradientMatchingBatch,
    mean_gradient,
)
from dd_jax.models import build
from dd_jax.runtime.device_programs import over_devices
from dd_jax.runtime.stacked import repeated, stack_trees
from dd_jax.types import InputError

MEAN, STD = (0.4,), (0.25,)
IPC, CLASSES, PER_CLASS, SHADOWS = 2, 3, 8, 3
LABELS = np.tile(np.arange(CLASSES, dtype=np.int32), PER_CLASS)
NETWORK = build("convnet", CLASSES, (8, 8, 1), mean=MEAN, std=STD, width=4, depth=1)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (len(LABELS), 8, 8, 1), dtype=np.uint8)
MEMBER = (np.arange(len(LABELS)) // CLASSES + np.arange(SHADOWS)[:, None]) % 3 > 0


def dimmed(key, images):
    """A siamese augmentation that compiles quickly."""
    return images * jax.random.uniform(key, minval=0.8)


OPTIONS = {"ipc": IPC, "batch_real": 5, "lr_labels": 10.0}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_gradients_are_those_of_each_shadow_alone(rows, monkeypatch):
    # one piece, and several of which the last is filled up
    monkeypatch.setitem(shadow_gradients.__globals__, "_PIECE", 3)
    params = NETWORK.init(jax.random.key(0))
    images = jnp.asarray(RNG.random((rows, 8, 8, 1)), jnp.float32)
    label = jnp.eye(CLASSES)[1]
    weights = jnp.asarray(RNG.integers(0, 2, (SHADOWS, rows)), jnp.float32)
    weights = weights.at[0].set(0.0).at[1].set(1.0)
    found = shadow_gradients(NETWORK, params, images, label, weights)
    labels = jnp.tile(label, (rows, 1))
    for s in range(SHADOWS):
        expected = jax.tree.map(jnp.zeros_like, params["params"])
        if weights[s].any():
            expected = mean_gradient(NETWORK, params, images, labels, weights[s])
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
            np.testing.assert_allclose(ours[s], theirs, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, distance",
    [("dsa", "squared"), pytest.param("dc", "cosine", marks=pytest.mark.slow)],
)
def test_each_shadow_steps_as_a_single_one_given_its_rows_of_the_batch(name, distance):
    options = OPTIONS | {"distance": distance}
    options |= {"augment": dimmed} if name == "dsa" else {}
    single = METHODS[name](NETWORK, outer_steps=1, **options)
    joint = batched_form(name)(NETWORK, outer_steps=1, **options)
    real, key = real_data(IMAGES, LABELS), jax.random.key(7)
    each = [single.init(jax.random.key(i), real) for i in range(SHADOWS)]
    stacked = stack_trees(each)
    batch = joint.sample(jax.random.key(3), real, jnp.asarray(MEMBER))
    assert batch.weights.shape == (SHADOWS, CLASSES, 5)
    after, info = jax.jit(joint.update)(key, stacked, batch)
    update, losses = jax.jit(single.update), []
    for s in range(SHADOWS):
        own = GradientMatchingBatch(Batch(batch.images, batch.weights[s]), ())
        expected, alone = update(key, each[s], own)
        losses.append(alone["loss"])
        assert len(expected.learned.params) == 2, "images and labels"
        for leaf in expected.learned.params:
            moved = expected.learned.params[leaf] - each[s].learned.params[leaf]
            assert np.abs(moved).max() > 1e-5
            np.testing.assert_allclose(
                after.learned.params[leaf][s], expected.learned.params[leaf], atol=1e-4
            )
    np.testing.assert_allclose(info["loss"], np.mean(losses), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("devices, backend", [(2, "pmap"), (8, "shard_map")])
def test_devices_share_the_step(devices, backend):
    """Three shadows and five rows a class, which no number of devices divides."""
    options = OPTIONS | {"augment": dimmed, "augment_net": dimmed, "outer_steps": 2}
    init = METHODS["dsa"](NETWORK, **options).init
    joint, real = batched_form("dsa")(NETWORK, **options), real_data(IMAGES, LABELS)
    stacked = stack_trees([init(jax.random.key(i), real) for i in range(SHADOWS)])
    batch = joint.sample(jax.random.key(3), real, jnp.asarray(MEMBER))
    key = jax.random.key(7)
    one = jax.jit(joint.update)(key, stacked, batch)
    several = over_devices(joint.update, jax.devices()[:devices], backend)(
        key, stacked, batch
    )
    for a, b in zip(jax.tree.leaves(several), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


@pytest.mark.slow
def test_one_shadow_is_the_single_form_through_the_lives_of_networks():
    options = OPTIONS | {"augment": dimmed, "augment_net": dimmed, "outer_steps": 3}
    single = METHODS["dsa"](NETWORK, net_epochs=2, **options)
    joint = batched_form("dsa")(NETWORK, net_epochs=2, **options)
    real = real_data(IMAGES, LABELS)
    alone = single.init(jax.random.key(0), real)
    states = jax.tree.map(lambda leaf: leaf[None], alone)
    step, together = jax.jit(single.update), jax.jit(joint.update)
    for i in range(4):
        key = jax.random.key(i)
        batch = joint.sample(key, real, jnp.ones((1, len(LABELS))))
        own = GradientMatchingBatch(Batch(batch.images, batch.weights[0]), ())
        alone, states = step(key, alone, own)[0], together(key, states, batch)[0]
        for ours, theirs in zip(jax.tree.leaves(states), jax.tree.leaves(alone)):
            np.testing.assert_allclose(ours[0], theirs, atol=2e-4)
    assert states.step.tolist() == [1]


@pytest.mark.slow
def test_one_network_learns_from_a_set_drawn_again_and_is_used_by_all():
    options = OPTIONS | {"outer_steps": 3, "net_epochs": 2}
    joint, real = batched_form("dc")(NETWORK, **options), real_data(IMAGES, LABELS)
    init = METHODS["dc"](NETWORK, **options).init
    both = [init(key, real) for key in jax.random.split(jax.random.key(0))]
    states = stack_trees(both)
    batch = joint.sample(jax.random.key(1), real, jnp.ones((2, len(LABELS))))
    update, kernels = jax.jit(joint.update), []
    for i in range(20):
        after, _ = update(jax.random.key(i), states, batch)
        leaf = jax.tree.leaves(after.net.params)[-1]
        np.testing.assert_array_equal(leaf[0], leaf[1])
        same = jax.tree.map(lambda a: a[jnp.array([0, 0])], states)
        from_first, _ = update(jax.random.key(i), same, batch)
        kernels.append(np.array_equal(leaf, jax.tree.leaves(from_first.net.params)[-1]))
    assert after.step.tolist() == [1, 1]
    assert 3 < sum(kernels) < 17


@pytest.mark.slow
def test_a_class_without_rows_in_the_batch_stays():
    joint = batched_form("dc")(NETWORK, **OPTIONS)
    real = real_data(IMAGES, LABELS)
    state = METHODS["dc"](NETWORK, outer_steps=1, **OPTIONS).init(
        jax.random.key(0), real
    )
    stacked = repeated(state, 2)
    member = np.ones((2, len(LABELS)), bool)
    member[0, LABELS == 1] = False
    batch = joint.sample(jax.random.key(0), real, jnp.asarray(member))
    after, _ = jax.jit(joint.update)(jax.random.key(1), stacked, batch)
    change = after.learned.params["images"] - stacked.learned.params["images"]
    moved = np.abs(change).max((2, 3, 4, 5)) > 0
    np.testing.assert_array_equal(moved, [[True, False, True], [True] * 3])


def test_networks_with_batch_statistics_are_refused():
    network = build("convnet", CLASSES, (8, 8, 1), width=4, depth=1, norm="batch")
    with pytest.raises(InputError, match="mixes the rows of shadows"):
        batched_form("dsa")(network, **OPTIONS)
