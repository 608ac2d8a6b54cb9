import re
from itertools import product

import jax
import jax.numpy as jnp
import naive_layers as naive
import numpy as np
import pytest
from jax import lax

from dd_jax.models import conv, keep_products
from dd_jax.models.conv import Conv, convolve
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.stacked import stack_trees


def reference(x, w, padding):
    return lax.conv_general_dilated(
        x,
        w,
        (1, 1),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def assert_close(a, b, tolerance=2e-5):
    """Relative to the largest entry: single precision sums cancel entrywise."""
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        scale = float(jnp.max(jnp.abs(right))) + 1e-6
        np.testing.assert_allclose(left, right, rtol=0, atol=tolerance * scale)


def objective(fun, padding):
    return lambda x, w: jnp.sum(jnp.sin(fun(x, w, padding)))


def derivatives(fun, padding):
    """Value, gradient and gradient of the gradient's squared norm."""
    first = jax.grad(objective(fun, padding), (0, 1))
    size = lambda x, w: sum(jnp.sum(jnp.square(g)) for g in first(x, w))
    second = jax.grad(size, (0, 1))
    return jax.jit(lambda x, w: (fun(x, w, padding), first(x, w), second(x, w)))


def case(kernel, padding, channels):
    rare = channels != (2, 3) and (kernel, padding) != (3, 1)
    return pytest.param(
        kernel, padding, channels, marks=[pytest.mark.slow] if rare else []
    )


CASES = product((1, 3, 5), (0, 1, 3), ((2, 3), (1, 3), (2, 1), (1, 1)))


@pytest.mark.parametrize("kernel, padding, channels", [case(*one) for one in CASES])
def test_value_and_derivatives_equal_the_primitives(kernel, padding, channels):
    x, w = draw(0, 2, 7, 6, channels[0]), draw(1, kernel, kernel, *channels)
    got = derivatives(convolve, padding)(x, w)
    assert_close(got, derivatives(reference, padding)(x, w))
    np.testing.assert_allclose(got[0], naive.convolve(x, w, padding), atol=1e-4)


@pytest.mark.parametrize("images_that_fit", [0, 2, 100])
def test_weight_gradient_in_chunks(monkeypatch, images_that_fit):
    x, w = draw(5, 5, 6, 7, 2), draw(6, 3, 3, 2, 4)
    monkeypatch.setattr(conv, "_CACHE_BYTES", images_that_fit * 4 * 6 * 7 * 9 * 2)
    gradient = lambda fun: jax.jit(jax.grad(objective(fun, 1), 1))(x, w)
    assert_close(gradient(convolve), gradient(reference))


@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0), (3, 1)])
def test_vmap_equals_one_after_another(in_axes):
    x, w = draw(7, 3, 2, 5, 5, 2), draw(8, 3, 3, 3, 2, 4)
    x, w = (
        a[0] if axis is None else jnp.moveaxis(a, 0, axis)
        for a, axis in zip((x, w), in_axes)
    )
    gradient = jax.grad(objective(convolve, 1), (0, 1))
    single = jax.jit(gradient)
    pick = lambda a, axis, i: a if axis is None else jnp.take(a, i, axis)
    rows = [single(pick(x, in_axes[0], i), pick(w, in_axes[1], i)) for i in range(3)]
    expected = stack_trees(rows)
    assert_close(jax.jit(jax.vmap(gradient, in_axes))(x, w), expected)


def test_nested_vmap_over_nets_and_classes():
    x, w = draw(9, 3, 2, 5, 5, 1), draw(10, 2, 3, 3, 1, 4)
    gradient = lambda fun: jax.grad(objective(fun, 1), (0, 1))
    nested = jax.vmap(jax.vmap(gradient(convolve), (0, None)), (None, 0))
    got, single = jax.jit(nested)(x, w), jax.jit(gradient(reference))
    for i, j in np.ndindex(2, 3):
        assert_close([g[i, j] for g in got], single(x[j], w[i]))


def test_inside_scan_and_through_it():
    x, w = draw(11, 4, 2, 5, 5, 1), draw(12, 3, 3, 1, 2)

    def descend(fun):
        def step(w, x):
            return w - 0.01 * jax.grad(objective(fun, 1), 1)(x, w), None

        end = lambda w: jnp.sum(jnp.square(lax.scan(step, w, x)[0]))
        return jax.jit(jax.value_and_grad(end))(w)

    assert_close(descend(convolve), descend(reference))


def test_jit_equals_eager():
    x, w = draw(13, 2, 5, 4, 3), draw(14, 3, 3, 3, 2)
    gradient = jax.grad(objective(convolve, 1), (0, 1))
    assert_close(jax.jit(gradient)(x, w), gradient(x, w), 1e-6)


def largest_group(fun, *args):
    counts = re.findall(
        r"(?:batch|feature)_group_count=(\d+)", str(jax.make_jaxpr(fun)(*args))
    )
    return max(map(int, counts))


def test_batched_gradients_hold_no_grouped_convolution():
    x, w = draw(15, 4, 2, 8, 8, 3), draw(16, 4, 3, 3, 3, 8)
    loss = lambda w, x: objective(convolve, 1)(x, w)
    gradient = jax.grad(loss)
    curvature = jax.grad(lambda w, x: jnp.sum(jnp.square(gradient(w, x))))
    assert largest_group(jax.vmap(gradient), w, x) == 1
    assert largest_group(jax.vmap(curvature), w, x) == 1
    plain = lambda w: jnp.sum(jax.vmap(lambda w, x: reference(x, w, 1))(w, x))
    assert largest_group(jax.grad(plain), w) == 4, "the guard must see what it guards"


def test_checkpoints_keep_the_convolutions_of_every_derivative():
    x, w = draw(22, 2, 6, 6, 2), draw(23, 3, 3, 2, 4)
    first = objective(convolve, 1)
    second = lambda x, w: jnp.sum(jnp.sin(jax.grad(first)(x, w)))

    def kept(step, policy):
        back = lambda *args: jax.vjp(jax.checkpoint(step, policy=policy), *args)[1]
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(back, x, w)))

    nothing = jax.checkpoint_policies.nothing_saveable
    y_size = 2 * 6 * 6 * 4
    for step, convolutions in ((first, y_size), (second, y_size + x.size)):
        assert kept(step, nothing) == x.size + w.size
        assert kept(step, keep_products) == x.size + w.size + convolutions
        again = jax.checkpoint(step, policy=keep_products)
        found = jax.jit(jax.grad(again, (0, 1)))(x, w)
        assert_close(found, jax.jit(jax.grad(step, (0, 1)))(x, w))


def test_checkpoints_of_accelerators_keep_convolutions_too():
    x, w = draw(22, 2, 6, 6, 2), draw(23, 3, 3, 2, 4)
    first = objective(convolve, 1)
    second = lambda x, w: jnp.sum(jnp.sin(jax.grad(first)(x, w)))

    def kept(step):
        again = jax.checkpoint(step, policy=keep_products)
        back = lambda *args: jax.vjp(again, *args)[1]
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(back, x, w)))

    with made_for("gpu"):
        assert kept(first) == x.size + w.size + 2 * 6 * 6 * 4
        assert kept(second) == x.size + w.size + 2 * 6 * 6 * 4 + x.size


def test_accelerators_use_the_primitive_and_its_derivatives():
    x, w = draw(17, 2, 5, 5, 3), draw(18, 3, 3, 3, 2)
    on_cpu = convolve(x, w, 1)
    names = lambda: str(jax.make_jaxpr(lambda x, w: convolve(x, w, 1))(x, w))
    assert "custom_vjp" in names()
    with made_for("gpu"):
        assert "custom_vjp" not in names()
        assert_close(convolve(x, w, 1), on_cpu, 1e-6)


@pytest.mark.parametrize("kernel, padding", [(3, 1), (5, 2)])
def test_gpus_convolve_one_channel_by_products_alone(kernel, padding):
    """Values, derivatives to second order and those of several networks at once."""
    x, w = draw(24, 3, 2, 7, 6, 1), draw(25, 3, kernel, kernel, 1, 4)
    found, expected = (derivatives(fun, padding) for fun in (convolve, reference))
    mapped = jax.vmap(found)
    program = lambda: str(jax.make_jaxpr(mapped)(x, w))
    with made_for("tpu"):
        assert "conv_general_dilated" in program()
    with made_for("gpu"):
        assert "conv_general_dilated" not in program()
        got = mapped(x, w)
    for i in range(3):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], got)
        assert_close(one, expected(x[i], w[i]), 1e-5)


def test_a_layer_has_the_derivatives_of_its_formula():
    x, layer = draw(20, 3, 5, 5, 2), Conv(3)
    params = layer.init(jax.random.key(0), x)

    def plain(params, x):
        weights = params["params"]
        return reference(x, weights["kernel"], 1) + weights["bias"]

    def found(fun):
        total = lambda params, x: jnp.sum(jnp.sin(fun(params, x[None])))
        first = jax.grad(total, (0, 1))
        size = lambda params, x: sum(
            jnp.sum(jnp.square(g)) for g in jax.tree.leaves(first(params, x))
        )
        both = lambda params, x: (first(params, x), jax.grad(size, (0, 1))(params, x))
        return jax.jit(jax.vmap(both, (None, 0)))(params, x)

    assert_close(found(layer.apply), found(plain))


def test_layers_of_accelerators_leave_merging_to_the_compiler():
    x, layer = draw(21, 2, 5, 5, 1), Conv(2)
    params = layer.init(jax.random.key(0), x)
    total = lambda x: jnp.sum(layer.apply(params, x))
    barrier = lambda fun: "optimization_barrier" in str(jax.make_jaxpr(fun)(x))
    assert barrier(jax.grad(total)) and not barrier(total)
    with made_for("gpu"):
        assert not barrier(jax.grad(total))


@pytest.mark.parametrize("size", [6, 7])
def test_strided_layer_equals_a_strided_loop(size):
    x = draw(19, 2, size, size, 2)
    layer = Conv(3, kernel=3, padding=1, stride=2)
    params = layer.init(jax.random.key(0), x)
    weights = params["params"]
    expected = naive.convolve(x, weights["kernel"], 1, stride=2) + weights["bias"]
    np.testing.assert_allclose(layer.apply(params, x), expected, atol=1e-5)
    bare = Conv(3, bias=False).init(jax.random.key(0), x)
    assert set(bare["params"]) == {"kernel"}
