"""Batches are as large as the memory of the device that they are made for."""

from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.runtime import device_memory
from dd_jax.runtime.device_memory import (
    UNKNOWN,
    at_once,
    batch_memory,
    bytes_of_each,
    in_batches,
    memory_of,
    recomputed_in_batches,
    shared_by,
    sum_in_batches,
    sum_in_pieces,
)
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.platform import made_for


def gpu_of(size):
    return SimpleNamespace(platform="gpu", memory_stats=lambda: {"bytes_limit": size})


def test_memory_is_that_of_the_device_of_the_program(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda backend: [gpu_of(80 << 30)])
    with made_for("gpu"):
        assert device_memory.device_memory() == 80 << 30
        with memory_of(1 << 30):
            assert device_memory.device_memory() == 1 << 30
    with made_for("tpu"):
        assert device_memory.device_memory() == UNKNOWN


def test_a_cpu_has_what_is_free(monkeypatch):
    monkeypatch.setattr(device_memory, "free", lambda: 123)
    assert device_memory.device_memory() == 123


def test_a_device_that_reports_nothing_has_the_memory_of_most():
    with made_for("tpu"):
        assert device_memory.device_memory() == UNKNOWN


def test_bytes_count_what_is_alive_at_once_and_no_weights():
    weights = jnp.zeros((100, 50))

    def layers(x):
        hidden = jnp.sin(x @ weights)  # 200 bytes each, of which two are alive
        hidden = jax.jit(lambda x: jnp.exp(jnp.cos(x)))(hidden)
        return hidden.sum(1)

    assert bytes_of_each(layers, jnp.zeros((7, 100))) == 3 * 200
    assert bytes_of_each(lambda x: (x, x), jnp.zeros((7, 100))) == 0
    kept = lambda x: jax.grad(lambda x: jnp.sin(jnp.sin(x)).sum())(x)
    assert bytes_of_each(kept, jnp.zeros((7, 100))) > bytes_of_each(
        lambda x: jnp.sin(jnp.sin(x)).sum(), jnp.zeros((7, 100))
    )


@pytest.mark.parametrize("fit, size", [(70, 70), (69, 35), (30, 24), (1, 1), (0, 1)])
def test_batches_are_equal_parts_that_fit(fit, size):
    double, images = lambda x: 2 * x, jnp.arange(70.0 * 4).reshape(70, 2, 2, 1)
    with made_for("gpu"), memory_of(2 * 16 * fit + 1):
        assert at_once(double, images) == size
        np.testing.assert_array_equal(in_batches(double, images, 3), 2 * images)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 9])
def test_a_sum_in_pieces_is_the_sum_and_has_its_derivatives(size):
    stacked = {"x": jnp.arange(7.0), "w": jnp.linspace(1, 2, 7)}
    total = lambda tree: (tree["w"] * jnp.sin(tree["x"])).sum()
    pieces = lambda tree: sum_in_pieces(total, tree, size)
    for fun in (
        lambda f: f,
        jax.grad,
        lambda f: jax.grad(lambda t: jax.grad(f)(t)["x"].sum()),
    ):
        chex.assert_trees_all_close(
            fun(pieces)(stacked), fun(total)(stacked), rtol=1e-5
        )


def test_cpu_takes_the_batches_that_it_is_given():
    seen = []
    double = lambda x: seen.append(len(x)) or 2 * x
    images = jnp.arange(10.0).reshape(10, 1, 1, 1)
    np.testing.assert_array_equal(in_batches(double, images, 4), 2 * images)
    assert set(seen) == {4}


def test_models_that_run_at_once_share_the_memory():
    seen = []
    with made_for("gpu"), memory_of(80):
        for chunk in (0, 2, None):
            noted = lambda _, x: seen.append(batch_memory()) or x
            chosen = map_models(noted, chunk=chunk)
            jax.block_until_ready(chosen(None, jnp.arange(4.0)))
        map_models(noted)(None, jnp.arange(5.0))
        with shared_by(2), shared_by(2):
            assert batch_memory() == 10
    assert seen == [10, 20, 40, 8]


def test_programs_are_made_again_for_other_memory():
    sizes = jax.jit(lambda x: x + batch_memory())
    for size in (200, 400):
        with memory_of(size):
            assert sizes(0) == size // 2


@pytest.mark.parametrize("images_that_fit", [1, 3, 7, 20])
def test_what_is_computed_again_has_the_values_and_gradients_of_one_batch(
    images_that_fit,
):
    images = jnp.linspace(0, 1, 7 * 12).reshape(7, 2, 2, 3)
    square = lambda x: jnp.sin(jnp.sin(x)).sum((1, 2, 3)) ** 2
    whole = lambda fun: lambda x: fun(x) @ jnp.arange(1.0, 8.0)
    each = bytes_of_each(lambda x: jax.vjp(square, x)[1](jnp.ones(len(x))), images)
    with made_for("gpu"), memory_of(2 * images_that_fit * each):
        pieces = lambda x: recomputed_in_batches(square, x)
        program = str(jax.make_jaxpr(jax.grad(whole(pieces)))(images))
        assert ("remat" in program) == (images_that_fit < 7)
        found = jax.value_and_grad(whole(pieces))(images)
    chex.assert_trees_all_close(found, jax.value_and_grad(whole(square))(images))


@pytest.mark.parametrize("fit, size", [(12, 12), (11, 6), (7, 6), (5, 4), (1, 1)])
def test_pieces_of_a_sum_divide_it(fit, size):
    seen = []

    def total(x):
        seen.append(len(x))
        return jnp.sin(x).sum()

    x = jnp.arange(12.0 * 4).reshape(12, 4)
    with made_for("gpu"), memory_of(2 * 16 * fit + 1):
        found = sum_in_batches(total, x)
    assert seen[-1] == size
    np.testing.assert_allclose(found, jnp.sin(x).sum(), rtol=1e-5)
