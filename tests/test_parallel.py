"""The ways of mapping models agree with each other, on one device and on eight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.models import build
from dd_jax.parallel import accelerators, map_models
from dd_jax.train import trainer

MODEL = build("convnet", 3, (8, 8, 1), width=4, depth=1)
TRAINER = trainer(MODEL, batch=4)
SHARED = (
    jax.random.uniform(jax.random.key(0), (12, 8, 8, 1)),
    jnp.tile(jnp.eye(3), (4, 1)),
    jnp.arange(12),
)


def three_steps(shared, key, lr):
    """One epoch of three batches from a random start."""
    init_key, key = jax.random.split(key)
    state = TRAINER.init(init_key)
    state, loss = TRAINER.advance(key, state, *shared, lr, 1, 0, 1)
    return {"params": state.params, "loss": loss}


def models(count):
    return jax.random.split(jax.random.key(1), count), jnp.linspace(0.01, 0.1, count)


def same_bits(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5 * np.abs(y).max())


def toy(shared, x, y):
    """A cheap stand-in with a loop, pytrees in and out and a typed key."""
    total = jax.lax.fori_loop(0, shared["steps"], lambda i, a: a * x["a"] + i, y)
    return {"total": total, "noise": jax.random.normal(x["key"], (2,))}


def toy_models(count):
    keys = jax.random.split(jax.random.key(3), count)
    a = jnp.linspace(0.1, 1.3, count)
    return {"a": a, "key": keys}, jnp.arange(count * 3.0).reshape(count, 3)


@pytest.fixture(scope="module")
def one_by_one():
    return map_models(three_steps)(SHARED, *models(4))


@pytest.mark.parametrize("chunk", [0, 2])
def test_chunked_and_full_vmap_agree_with_one_by_one(chunk, one_by_one):
    got = map_models(three_steps, chunk=chunk)(SHARED, *models(4))
    close(got, one_by_one)


def test_one_by_one_is_each_model_on_its_own(one_by_one):
    compiled = jax.jit(three_steps)
    for i, one in enumerate(zip(*models(4))):
        same_bits(jax.tree.map(lambda a, i=i: a[i], one_by_one), compiled(SHARED, *one))


def test_the_same_program_again_gives_the_same_bits(one_by_one):
    same_bits(map_models(three_steps)(SHARED, *models(4)), one_by_one)


def test_pmap_and_shard_map_agree_on_a_network_over_eight_devices(one_by_one):
    devices = jax.devices()
    assert len(devices) == 8
    pmap = map_models(three_steps, devices=devices)(SHARED, *models(4))
    twin = map_models(three_steps, devices=devices, twin=True)(SHARED, *models(4))
    same_bits(pmap, twin)
    close(pmap, one_by_one)


@pytest.mark.parametrize(("chunk", "count"), [(None, 16), (0, 1), (2, 11)])
def test_pmap_and_shard_map_agree_for_any_number_of_models(chunk, count):
    kw = {"chunk": chunk, "devices": jax.devices()}
    arguments = {"steps": 3}, *toy_models(count)
    pmap = map_models(toy, **kw)(*arguments)
    twin = map_models(toy, **kw, twin=True)(*arguments)
    same_bits(pmap, twin)
    close(pmap, map_models(toy)(*arguments))


@pytest.mark.parametrize("twin", [False, True])
def test_results_are_spread_over_the_devices(twin):
    where = lambda shared, x: jax.numpy.ones(2) * x
    mapped = map_models(where, devices=jax.devices()[:4], twin=twin)
    assert mapped(None, jnp.arange(8.0)).devices() == set(jax.devices()[:4])


@pytest.mark.parametrize("devices", [1, 8])
def test_one_by_one_compiles_once(devices):
    traces = []

    def fun(shared, x):
        traces.append(x)
        return x + shared

    mapped = map_models(fun, devices=jax.devices()[:devices])
    for shared, count in ((1.0, 5), (2.0, 19)):
        np.testing.assert_array_equal(
            mapped(shared, jnp.arange(1.0 * count)), np.arange(count) + shared
        )
    assert len(traces) == 1


def test_virtual_processors_do_not_count_as_accelerators():
    assert len(jax.devices()) == 8
    assert len(accelerators()) == 1
