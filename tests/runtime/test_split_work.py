"""Work cut over devices: values and derivatives of one device, a part of its work."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.models import build
from dd_jax.runtime import split_work
from dd_jax.runtime.device_programs import over_devices, split_axis
from dd_jax.runtime.split_work import split_map, split_sum
from dd_jax.train import trainer


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.shape == y.shape
        bound = 1e-5 * max(np.abs(y).max(), 1e-6)
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=bound)


def rows(count):
    key = jax.random.key(0)
    return jax.random.normal(key, (count, 5)), jax.random.split(key, count)


WEIGHTS = jnp.linspace(-1, 1, 5)


def weighted_gradient(w, weights, x):
    """A sum over rows that is a derivative itself, as that of a step of training."""
    loss = lambda w: jnp.vdot(weights, jnp.square(jnp.tanh(x @ w)))
    return {"w": jax.grad(loss)(w)}


def noisy(w, x, keys):
    noise = jax.vmap(jax.random.normal)(keys)
    return {"y": jnp.sin(x @ w) + noise, "x": x * noise[:, None]}


def sums_in_a_loop(w, x, keys):
    """A sum in each step of a loop that is done again on the way back."""

    @jax.checkpoint
    def step(w, _):
        return w - 0.1 * split_sum(weighted_gradient)(w, jnp.ones(len(x)), x)["w"], None

    return jnp.square(jax.lax.scan(step, w, None, 3)[0]).sum()


def map_of_rows_with_keys(w, x, keys):
    found = split_map(noisy)(w, x, keys)
    return jnp.square(found["y"]).sum() + jnp.sin(found["x"]).sum()


@pytest.mark.parametrize(
    "count, devices",
    [(3, 2), (3, 8), pytest.param(16, 8, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("fun", [sums_in_a_loop, map_of_rows_with_keys])
def test_values_and_gradients_are_those_of_one_device(fun, count, devices):
    derived = jax.value_and_grad(fun, (0, 1))
    one = jax.jit(derived)(WEIGHTS, *rows(count))
    for backend in ("pmap", "shard_map"):
        several = over_devices(derived, jax.devices()[:devices], backend)
        close(several(WEIGHTS, *rows(count)), one)


@pytest.mark.parametrize("count, devices", [(3, 8), (1, 2)])
def test_few_rows_without_fillers(monkeypatch, count, devices):
    """Where copies that fill up the rows would be too large, none are made."""
    monkeypatch.setattr(split_work, "_MOST_FILLED", 0)
    derived = jax.value_and_grad(map_of_rows_with_keys, (0, 1))
    one = jax.jit(derived)(WEIGHTS, *rows(count))
    for backend in ("pmap", "shard_map"):
        several = over_devices(derived, jax.devices()[:devices], backend)
        close(several(WEIGHTS, *rows(count)), one)
    text = several.lower(WEIGHTS, *rows(count)).as_text()
    assert "all_gather" not in text and "all_reduce" in text


def sums_within_a_map(w, x, keys):
    """Each row has a sum of its own, of rows that all have: none is cut again."""

    def one(shared, x):
        w, others = shared
        sums = lambda row: split_sum(weighted_gradient)(w, others @ row, others)["w"]
        return jax.vmap(sums)(x)

    return jnp.square(split_map(one)((w, x), x)).sum()


@pytest.mark.parametrize("backend", ["pmap", "shard_map"])
def test_a_part_is_not_cut_again(backend):
    derived = jax.value_and_grad(sums_within_a_map, (0, 1))
    one = jax.jit(derived)(WEIGHTS, *rows(5))
    close(over_devices(derived, jax.devices()[:2], backend)(WEIGHTS, *rows(5)), one)


def test_fillers_count_nothing():
    """Not even where they are not finite numbers: 5 rows on 8 devices."""
    inverse = lambda shared, weights, x: jnp.vdot(weights, 1 / x)
    fun = lambda x: split_sum(inverse)((), jnp.ones(5), x)
    found = over_devices(jax.value_and_grad(fun), jax.devices())(jnp.arange(1.0, 6))
    close(found, jax.value_and_grad(lambda x: (1 / x).sum())(jnp.arange(1.0, 6)))


def test_on_one_device_functions_are_called_as_they_are():
    x, keys = rows(3)
    arguments = WEIGHTS, jnp.ones(3), x
    assert split_axis() is None
    for cut, whole, given in (
        (split_sum(weighted_gradient), weighted_gradient, arguments),
        (split_map(noisy), noisy, (WEIGHTS, x, keys)),
    ):
        assert str(jax.make_jaxpr(cut)(*given)) == str(jax.make_jaxpr(whole)(*given))


def test_all_devices_are_named_inside_and_none_outside():
    seen = []
    for count in (2, 8):
        devices = jax.devices()[:count]
        over_devices(lambda x: seen.append(split_axis()) or x, devices)(1.0)
    assert [axis.size for axis in seen] == [2, 8]
    assert split_axis() is None


@pytest.fixture(scope="module")
def epoch():
    """An epoch of one batch of training, compiled for one device and for eight."""
    model = build("convnet", 3, (8, 8, 1), width=4, depth=1)
    one = trainer(model, batch=64)
    images = jax.random.uniform(jax.random.key(0), (64, 8, 8, 1))
    labels, state = jnp.eye(3)[jnp.arange(64) % 3], one.init(jax.random.key(1))
    arguments = jax.random.key(2), state, images, labels, jnp.arange(64), 0.01, 1, 0, 1
    programs = (
        jax.jit(one.advance),
        over_devices(one.advance, jax.devices(), "shard_map"),
    )
    size = sum(leaf.size for leaf in jax.tree.leaves(one.trainable(state.params)))
    return size, *(program.lower(*arguments).compile() for program in programs)


def collectives(compiled):
    """Kinds and sizes, in numbers, of what devices exchange."""
    found = []
    for line in compiled.as_text().splitlines():
        if match := re.search(r"= (.*?) (all-reduce|all-gather)\(", line):
            shapes = re.findall(r"\w\d+\[([\d,]*)\]", match[1])
            size = sum(
                int(np.prod([int(n or 1) for n in s.split(",")])) for s in shapes
            )
            found.append((match[2], size))
    return found


def test_a_step_of_training_exchanges_its_gradient_and_loss_alone(epoch):
    size, _, parts = epoch
    found = collectives(parts)
    assert {kind for kind, _ in found} == {"all-reduce"}
    assert sum(count for _, count in found) == size + 1


def test_rows_of_a_batch_are_divided(epoch):
    """Eight devices: each about an eighth of the operations of one."""
    _, whole, parts = epoch
    work = lambda compiled: compiled.cost_analysis()["flops"]
    assert work(parts) < work(whole) / 5
