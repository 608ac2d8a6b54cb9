"""The joint form against the single one, shadow by shadow, and against a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.distill import METHODS, batched_form, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.batched.shadow_matching import shadow_means
from dd_jax.distill.distil_many import Schedule, distil_many
from dd_jax.models import build
from dd_jax.runtime.device_programs import over_devices
from dd_jax.runtime.stacked import stack_trees
from dd_jax.types import InputError, Split

MEAN, STD = (0.4,), (0.25,)
IPC, CLASSES, PER_CLASS = 2, 3, 8
LABELS = np.tile(np.arange(CLASSES, dtype=np.int32), PER_CLASS)


def dimmed(key, images):
    """A siamese augmentation that compiles quickly."""
    return images * jax.random.uniform(key, minval=0.8)


SETTINGS = {"ipc": IPC, "augment": dimmed}


def network(norm="instance"):
    return build(
        "convnet", CLASSES, (8, 8, 1), mean=MEAN, std=STD, width=4, depth=1, norm=norm
    )


NETWORK = network()


def single(batch_real=5):
    return METHODS["dm"](NETWORK, batch_real=batch_real, **SETTINGS)


def joint(batch_real=5):
    return batched_form("dm")(NETWORK, batch_real=batch_real, **SETTINGS)


def images(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (len(LABELS), 8, 8, 1), dtype=np.uint8)


def halves(shadows):
    """Complementary pairs, four rows a class."""
    rng = np.random.default_rng(1)
    member = np.zeros((shadows, len(LABELS)), bool)
    for pair in range(0, shadows, 2):
        for c in range(CLASSES):
            rows = rng.permutation(np.flatnonzero(LABELS == c))
            for side, own in enumerate(np.split(rows, 2)[: shadows - pair]):
                member[pair + side, own] = True
    return member


def states(count):
    """A different start for each shadow."""
    real = real_data(images(), LABELS)
    each = [single().init(jax.random.key(i), real) for i in range(count)]
    return each, stack_trees(each)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 4), st.integers(1, 5))
def test_means_are_those_of_a_loop(seed, shadows, size):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(CLASSES, size, 6))
    weights = rng.integers(0, 2, (shadows, CLASSES, size)).astype(np.float32)
    as_images = jnp.asarray(features[..., None, None], jnp.float32)
    batch = Batch(as_images, jnp.asarray(weights))
    means, found = shadow_means(lambda scale, x: scale * x[..., 0, 0], 1.0, batch)
    for s in range(shadows):
        for c in range(CLASSES):
            own = features[c][weights[s, c] > 0]
            assert found[s, c] == (len(own) > 0)
            expected = own.mean(0) if len(own) else np.zeros(6)
            np.testing.assert_allclose(means[s, c], expected, atol=1e-5)


def test_one_shadow_equals_the_single_form():
    data = Split(images(), LABELS)
    keys = jax.random.split(jax.random.key(0), 1)
    apart, together = (
        distil_many(single(), keys, data, halves(1), Schedule(4, 2), batched=form)[0]
        for form in (None, joint())
    )
    np.testing.assert_allclose(together.images, apart.images, atol=1e-4)
    still, _ = distil_many(single(), keys, data, halves(1), Schedule(0, 1))
    assert np.abs(still.images - apart.images).max() > 0.01


def test_each_shadow_steps_as_a_single_one_given_its_rows_of_the_batch():
    shadows = 5
    each, stacked = states(shadows)
    real, key = real_data(images(), LABELS), jax.random.key(7)
    batch = joint().sample(jax.random.key(3), real, jnp.asarray(halves(shadows)))
    assert batch.weights.shape == (shadows, CLASSES, 5)
    after, info = jax.jit(joint().update)(key, stacked, batch)
    update, losses = jax.jit(single().update), []
    for s in range(shadows):
        own = Batch(batch.images, batch.weights[s])
        expected, alone = update(key, each[s], own)
        losses.append(alone["loss"])
        np.testing.assert_allclose(
            after.params["images"][s], expected.params["images"], atol=1e-3
        )
    np.testing.assert_allclose(info["loss"], np.mean(losses), rtol=1e-4)


@pytest.mark.parametrize(
    "devices, backend",
    [
        (2, "pmap"),
        pytest.param(8, "pmap", marks=pytest.mark.slow),
        pytest.param(8, "shard_map", marks=pytest.mark.slow),
    ],
)
def test_devices_share_the_step(devices, backend):
    """Five shadows and five rows a class, which no number of devices divides."""
    real, key = real_data(images(), LABELS), jax.random.key(7)
    stacked = states(5)[1]
    batch = joint().sample(jax.random.key(3), real, jnp.asarray(halves(5)))
    one = jax.jit(joint().update)(key, stacked, batch)
    shared = over_devices(joint().update, jax.devices()[:devices], backend)
    several = shared(key, stacked, batch)
    for a, b in zip(jax.tree.leaves(several), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_a_batch_holds_the_rows_of_the_shadows_and_marks_whose():
    data, member = images(), halves(2)
    member[:, LABELS == 2] &= np.arange(PER_CLASS) < 3  # few of class 2 at all
    real = real_data(data, LABELS, member.any(0))
    batch = joint().sample(jax.random.key(0), real, jnp.asarray(member))
    rows = {x.tobytes(): i for i, x in enumerate(data)}
    for s in range(2):
        for c in range(CLASSES):
            drawn = np.rint(np.asarray(batch.images[c]) * 255).astype(np.uint8)
            mine = [rows[x.tobytes()] for x, w in zip(drawn, batch.weights[s, c]) if w]
            assert len(set(mine)) == len(mine)
            assert all(member[s, i] and LABELS[i] == c for i in mine)
    assert (batch.weights[:, 2].sum(-1) == member[:, LABELS == 2].sum(1)).all()


def test_rows_of_no_shadow_and_of_others_leave_no_trace():
    keys, member = jax.random.split(jax.random.key(0), 2), halves(2)
    changed = np.where(member[0][:, None, None, None], images(), 255 - images())
    first, second = (
        distil_many(
            single(), keys, Split(x, LABELS), member, Schedule(3, 3), batched=joint(8)
        )[0].images
        for x in (images(), changed)
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert np.abs(first[1] - second[1]).max() > 0.01


def test_a_class_without_rows_in_the_batch_stays():
    _, stacked = states(2)
    member = halves(2)
    member[0, LABELS == 1] = False
    real = real_data(images(), LABELS)
    batch = joint(8).sample(jax.random.key(0), real, jnp.asarray(member))
    after, _ = jax.jit(joint(8).update)(jax.random.key(1), stacked, batch)
    change = after.params["images"] - stacked.params["images"]
    moved = np.abs(change).max((2, 3, 4, 5)) > 0
    np.testing.assert_array_equal(moved, [[True, False, True], [True] * 3])


def test_batch_statistics_are_refused():
    with pytest.raises(InputError, match="model.norm=batch mixes the rows of shadows"):
        batched_form("dm")(network("batch"), ipc=IPC)
