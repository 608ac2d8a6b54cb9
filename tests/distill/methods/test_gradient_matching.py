"""Gradient matching against loops over classes, and the outer_steps of its networks."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.methods.condensation import loops
from dd_jax.distill.methods.distances import DISTANCES
from dd_jax.distill.methods.gradient_matching import _in_pieces, mean_gradient
from dd_jax.distill.parametrisation.multi_formation import split_tiles
from dd_jax.models import build
from dd_jax.runtime.platform import made_for
from dd_jax.train.losses import cross_entropy

CLASSES, IPC = 3, 2
MEAN, STD = (0.4,), (0.25,)
SMALL = {"batch_real": 3, "ipc": IPC, "init": "noise"}


def network(**kw):
    options = {"mean": MEAN, "std": STD, "width": 4, "depth": 1} | kw
    return build("convnet", CLASSES, (8, 8, 1), **options)


def real():
    rng = np.random.default_rng(3)
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 5)
    images = rng.integers(0, 256, (15, 8, 8, 1), dtype=np.uint8)
    return real_data(images, labels)


def started(name, model, **kw):
    method = METHODS[name](model, **(SMALL | kw))
    state = method.init(jax.random.key(0), real())
    batch = method.sample(jax.random.key(1), real())
    return method, state, batch


def test_the_published_loops_and_what_lies_between():
    table = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15)}
    table[50] = (50, 10)
    assert {ipc: loops(ipc) for ipc in table} == table
    assert loops(5) == (5, 23) and loops(25) == (25, 22) and loops(500) == (50, 10)


@pytest.mark.slow
@pytest.mark.parametrize("count, present", [(64, 64), (130, 70)])
def test_gradient_in_pieces_equals_the_whole(count, present):
    model = network()
    params = model.init(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (count, 8, 8, 1))
    labels = jax.nn.one_hot(jnp.arange(count) % CLASSES, CLASSES)
    weights = (jnp.arange(count) < present).astype(jnp.float32)
    in_pieces = jax.jit(lambda *batch: _in_pieces(model, params, *batch, None))
    got = in_pieces(images, labels, weights)
    kept = images[:present], labels[:present], weights[:present]
    expected = mean_gradient(model, params, *kept)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, expected
    )


def naive_loss(model, params, batch, made, distance):
    """A loop over classes and images of hand-averaged gradients."""

    def loss_of(params, x, label):
        return cross_entropy(model.apply(params, x[None])[0], label)

    def mean(images, label):
        one = lambda x: jax.grad(loss_of)(params, x, label)["params"]
        return jax.tree.map(lambda g: g.mean(0), jax.lax.map(one, images))

    total = 0.0
    for c, label in enumerate(jnp.eye(CLASSES)):
        ours, theirs = mean(made[c], label), mean(batch.images[c], label)
        total = total + DISTANCES[distance](ours, theirs)
    return total


def faded(key, images):
    """An augmentation with one draw for all images."""
    return images * jax.random.uniform(key, minval=0.3)


@pytest.mark.parametrize(
    "name",
    ["dc", *(pytest.param(n, marks=pytest.mark.slow) for n in ("dsa", "idc_i", "idc"))],
)
def test_loss_and_step_equal_a_loop_over_classes(name):
    model, of_idc = network(), name.startswith("idc")
    options = {"augment": faded} if name != "dc" else {}
    method, state, drawn = started(name, model, lr=0.5, momentum=0.0, **options)
    key = jax.random.key(2)
    new, info = jax.jit(method.update)(key, state, drawn)
    net_key, match_key, _ = jax.random.split(key, 3)
    params = model.init(net_key)
    mean, std = (0.0, 1.0) if of_idc else (MEAN[0], STD[0])
    distance = "kernel_absolute" if of_idc else "cosine"
    keys = list(jax.random.split(match_key, CLASSES))
    changed = faded if options else lambda key, images: images
    siamese = lambda images: jnp.stack([changed(*at) for at in zip(keys, images)])

    def reference(stored):
        made = stored * std + mean
        made = split_tiles(made, 2) if name == "idc" else made
        match = drawn.match._replace(images=siamese(drawn.match.images))
        return naive_loss(model, params, match, siamese(made), distance)

    stored = state.learned.params["images"]
    loss, slope = jax.jit(jax.value_and_grad(reference))(stored)
    np.testing.assert_allclose(info["loss"], loss, rtol=1e-3)
    moved = stored - 0.5 * slope
    if of_idc:
        moved = jnp.clip(moved, 0, 1)
    got = new.learned.params["images"]
    np.testing.assert_allclose(got, moved, atol=2e-3 * float(jnp.abs(slope).max()))


@pytest.mark.parametrize(
    "name",
    ["dsa", "idc", *(pytest.param(n, marks=pytest.mark.slow) for n in ("dc", "idc_i"))],
)
def test_a_step_on_accelerators_has_no_grouped_convolution(name):
    method, state, drawn = started(name, network(depth=2))
    with made_for("gpu"):
        program = str(jax.make_jaxpr(method.update)(jax.random.key(2), state, drawn))
    assert "conv_general_dilated" in program
    assert not re.search(r"(batch|feature)_group_count=(?!1\b)\d+", program)


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b))
    return all(bool((x == y).all()) for x, y in pairs)


@pytest.mark.parametrize("name", ["dsa", pytest.param("idc", marks=pytest.mark.slow)])
def test_a_network_lives_its_steps_and_learns_between_them(name):
    model = network()
    inner_loop = {"net_epochs": 2} if name == "dsa" else {"net_steps": 1}
    method, state, drawn = started(name, model, outer_steps=3, **inner_loop)
    update = jax.jit(method.update)
    steps_used, nets = [], []
    for i in range(7):
        state, _ = update(jax.random.key(i), state, drawn)
        steps_used.append(int(state.step))
        nets.append(state.net.params)
    assert steps_used == [1, 2, 0, 1, 2, 0, 1]
    fresh = lambda i: model.init(jax.random.split(jax.random.key(i), 3)[0])
    assert not same(nets[0], fresh(0))  # has learned after its first step
    assert not same(nets[1], nets[0])
    assert same(nets[2], nets[1])  # nobody needs it after its last
    assert not same(nets[3], nets[2]) and not same(nets[3], fresh(3))


@pytest.mark.slow
def test_dsa_augments_and_dc_is_dsa_without():
    dark = {"augment": lambda key, images: 0.5 * images}
    losses = []
    for name, augment in (("dc", {}), ("dsa", {}), ("dsa", dark)):
        method, state, drawn = started(name, network(), **augment)
        _, info = jax.jit(method.update)(jax.random.key(2), state, drawn)
        losses.append(info["loss"])
    assert losses[0] == losses[1] != losses[2]
    with pytest.raises(TypeError, match="augment"):
        METHODS["dc"](network(), **SMALL, **dark)


@pytest.mark.slow
def test_batch_statistics_see_real_images_before_a_match():
    model = network(norm="batch")
    method, state, drawn = started("dc", model)
    new, info = jax.jit(method.update)(jax.random.key(2), state, drawn)
    params = model.init(jax.random.split(jax.random.key(2), 3)[0])
    few = drawn.match.images.reshape(-1, 8, 8, 1)
    params |= model.train_apply(params, few)[1]
    made = state.learned.params["images"] * STD[0] + MEAN[0]
    naive = jax.jit(lambda *given: naive_loss(model, *given, "cosine"))
    expected = naive(params, drawn.match, made)
    np.testing.assert_allclose(info["loss"], expected, rtol=1e-3)


def test_networks_of_idc_learn_from_the_members_alone():
    rows = real()
    few = rows._replace(rows=rows.rows[:, :1].repeat(5, 1), counts=np.full(3, 1))
    method = METHODS["idc"](network(), **SMALL)
    images, classes = method.sample(jax.random.key(1), few).inner_loop
    for image, label in zip(np.asarray(images), np.asarray(classes)):
        np.testing.assert_array_equal(image, rows.images[rows.rows[label, 0]])
    assert set(np.asarray(classes).tolist()) == {0, 1, 2}
