"""The ways of mapping models agree with each other, on one device and on eight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.models import build
from dd_jax.runtime.device_programs import split_axis
from dd_jax.runtime.devices import devices_in_use, require_devices, spread
from dd_jax.runtime.parallel import map_models, over_devices_in_use
from dd_jax.runtime.split_work import split_map
from dd_jax.train import trainer
from dd_jax.types import InputError

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


@pytest.mark.parametrize("chunk", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_chunked_and_full_vmap_agree_with_one_by_one(chunk, one_by_one):
    got = map_models(three_steps, chunk=chunk)(SHARED, *models(4))
    close(got, one_by_one)


def test_one_by_one_is_each_model_on_its_own(one_by_one):
    compiled = jax.jit(three_steps)
    for i, one in enumerate(zip(*models(4))):
        same_bits(jax.tree.map(lambda a, i=i: a[i], one_by_one), compiled(SHARED, *one))


def test_the_same_program_again_gives_the_same_bits(one_by_one):
    same_bits(map_models(three_steps)(SHARED, *models(4)), one_by_one)


def spread_by(by, count, mapped, *arguments):
    with spread(count, by):
        return mapped(*arguments)


@pytest.mark.slow
def test_pmap_and_shard_map_agree_on_a_network_over_eight_devices(one_by_one):
    assert len(jax.devices()) == 8
    arguments = map_models(three_steps), SHARED, *models(8)
    pmap, other = (spread_by(by, 8, *arguments) for by in ("pmap", "shard_map"))
    same_bits(pmap, other)
    close(
        jax.tree.map(lambda a: a[:4], pmap),
        map_models(three_steps)(SHARED, *(m[:4] for m in models(8))),
    )


@pytest.mark.parametrize("devices", [pytest.param(2, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize(
    ("chunk", "count"), [(None, 16), (None, 3), (0, 1), (2, 11), (0, 8)]
)
def test_pmap_and_shard_map_agree_for_any_number_of_models(chunk, count, devices):
    mapped = map_models(toy, chunk=chunk)
    arguments = mapped, {"steps": 3}, *toy_models(count)
    pmap, other = (spread_by(by, devices, *arguments) for by in ("pmap", "shard_map"))
    same_bits(pmap, other)
    close(pmap, map_models(toy)({"steps": 3}, *toy_models(count)))


@pytest.mark.parametrize("by", ["pmap", "shard_map"])
@pytest.mark.parametrize("count", [1, pytest.param(4, marks=pytest.mark.slow), 5])
def test_results_of_one_map_are_arguments_of_the_next(by, count):
    """Results that were sliced, repeated or reshaped, of any number of models."""
    double = map_models(lambda shared, x: x * 2 + shared)
    with spread(4, by):
        once = double(jnp.float32(1), jnp.arange(count * 2.0).reshape(count, 2))
        assert once.devices() == set(jax.devices()[:4])
        for again in (once, once[:1], jnp.repeat(once, 2, 0), once.reshape(-1)):
            np.testing.assert_array_equal(
                double(again.sum(), again), np.asarray(again) * 2 + again.sum()
            )
        other = double(0, jnp.zeros((2, 2)))
        assert (jnp.concatenate([once, other]).shape) == (count + 2, 2)


def test_arguments_committed_to_one_device_are_moved():
    there = jax.device_put(jnp.arange(4.0), jax.devices()[5])
    with spread(2):
        mapped = map_models(lambda shared, x: x + shared)
        np.testing.assert_array_equal(mapped(there[0], there), np.arange(4))


@pytest.mark.parametrize("by", ["pmap", "shard_map"])
def test_results_are_spread_over_the_devices(by):
    mapped = map_models(lambda shared, x: jnp.ones(2) * x)
    found = spread_by(by, 4, mapped, None, jnp.arange(8.0))
    assert found.devices() == set(jax.devices()[:4])
    assert {s.data.shape for s in found.addressable_shards} == {(2, 2)}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_models_than_devices_are_not_computed_twice(count):
    ran = []
    seen = lambda x: ran.append(float(x))

    def fun(shared, x):
        jax.debug.callback(seen, x)
        return x

    with spread(8):
        jax.block_until_ready(map_models(fun)(None, jnp.arange(1.0 * count)))
        jax.effects_barrier()
    assert sorted(ran) == list(range(count))


def mean_of_squares(shared, x):
    """A function that cuts its work, and says so: `splits=True`."""
    squares = split_map(lambda scale, x: scale * x**2)(shared, x)
    return {"mean": squares.mean(), "devices": getattr(split_axis(), "size", 1)}


@pytest.mark.parametrize("by", ["pmap", "shard_map"])
@pytest.mark.parametrize("count, shared_by", [(1, 4), (2, 4), (3, 1), (5, 1)])
def test_few_models_take_all_devices_in_turn_where_they_cut_their_work(
    by, count, shared_by
):
    x = jnp.arange(count * 7.0).reshape(count, 7)
    mapped = map_models(mean_of_squares, splits=True)
    found = spread_by(by, 4, mapped, 2.0, x)
    np.testing.assert_allclose(found["mean"], 2 * (x**2).mean(1), rtol=1e-6)
    assert found["devices"].tolist() == [shared_by] * count
    assert found["mean"].devices() == set(jax.devices()[:4])
    again = spread_by(
        by, 4, mapped, found["mean"][0], jnp.repeat(found["mean"], 7)[None]
    )
    assert again["devices"].tolist() == [4]


def test_on_one_device_nothing_is_cut():
    found = map_models(mean_of_squares, splits=True)(1.0, jnp.ones((2, 7)))
    assert found["devices"].tolist() == [1, 1]


def test_varying_numbers_of_models_compile_few_programs():
    traces = []
    mapped = map_models(lambda shared, x: traces.append(x) or x)
    with spread(8):
        for count in range(1, 20):
            np.testing.assert_array_equal(
                mapped(None, jnp.arange(count)), jnp.arange(count)
            )
    assert len(traces) == 4  # on 1, 2, 4 and 8 devices


@pytest.mark.parametrize("devices", [1, 8])
def test_one_by_one_compiles_once(devices):
    traces = []

    def fun(shared, x):
        traces.append(x)
        return x + shared

    mapped = map_models(fun)
    with spread(devices):
        for shared, count in ((1.0, 8), (2.0, 19)):
            np.testing.assert_array_equal(
                mapped(shared, jnp.arange(1.0 * count)), np.arange(count) + shared
            )
    assert len(traces) == 1


def test_a_mapped_function_follows_the_devices_of_the_moment():
    mapped = map_models(lambda shared, x: x + 1)
    for count in (1, 4, 2, 1):
        with spread(count):
            found = mapped(None, jnp.arange(4.0))
            assert found.devices() == set(jax.devices()[:count])
            np.testing.assert_array_equal(found, np.arange(4) + 1)


def test_one_call_over_the_devices_of_the_moment():
    @over_devices_in_use
    def squares(scale, x):
        seen.append(split_axis() and split_axis().size)
        return scale * split_map(lambda _, row: row**2)((), x)

    seen = []
    for count in (1, 4, 2, 4):
        with spread(count):
            found = squares(2.0, jnp.arange(5.0))
            assert found.devices() == set(jax.devices()[:count])
            np.testing.assert_array_equal(found, 2 * np.arange(5.0) ** 2)
    assert seen == [None, 4, 2]  # one trace for each


def test_virtual_processors_count_when_wanted():
    assert len(jax.devices()) == 8
    assert len(devices_in_use()) == 1
    with spread(3):
        assert devices_in_use() == jax.devices()[:3]


def test_more_devices_than_exist_are_refused():
    with pytest.raises(InputError, match="devices=9: this process has 8 .cpu.*most 8"):
        require_devices(9)
