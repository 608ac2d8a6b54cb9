"""Operations are counted as one counts them by hand."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax import lax

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / "benchmarks"))
from flops import flops  # noqa: E402


def shape(*sides):
    return jax.ShapeDtypeStruct(sides, jnp.float32)


def convolve(x, w, stride=1, padding="SAME"):
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (stride, stride), padding, dimension_numbers=names
    )


def test_a_convolution_leaves_out_its_padding():
    # along an axis of 5, windows of 3 meet 2 + 3 + 3 + 3 + 2 = 13 values
    found = flops(convolve, shape(2, 5, 5, 3), shape(3, 3, 3, 4))
    assert found == 2 * 2 * 13 * 13 * 3 * 4


def test_a_valid_convolution_with_stride():
    valid = lambda x, w: convolve(x, w, 2, "VALID")
    assert flops(valid, shape(1, 7, 7, 3), shape(3, 3, 3, 4)) == 2 * 9 * 9 * 3 * 4


@pytest.mark.parametrize("argument", [0, 1])
def test_a_derivative_costs_what_the_convolution_costs(argument):
    x, w = shape(2, 5, 5, 3), shape(3, 3, 3, 4)
    slope = jax.grad(lambda *both: convolve(*both).sum(), argument)
    both = flops(slope, x, w)
    assert both == 2 * flops(convolve, x, w)


def test_second_derivatives_count_no_padding():
    x, w = shape(2, 5, 5, 3), shape(3, 3, 3, 4)
    slope = jax.grad(lambda x, w: jnp.square(convolve(x, w)).sum(), 1)
    second = jax.grad(lambda x, w: jnp.square(slope(x, w)).sum())
    assert flops(second, x, w) <= 8 * flops(convolve, x, w)


def test_loops_are_multiplied():
    a = shape(3, 3)
    once = flops(jnp.matmul, a, a)
    assert once == 2 * 27
    scan = lambda a: lax.scan(lambda b, _: (a @ b, None), a, None, 7)[0]
    assert flops(scan, a) == 7 * once
    unknown = lambda n, a: lax.fori_loop(0, n, lambda _, b: a @ b, a)
    n = jax.ShapeDtypeStruct((), jnp.int32)
    assert flops(unknown, n, a) == once
    assert flops(unknown, n, a, turns=5) == 5 * once


def test_the_dearest_branch_counts():
    a = shape(3, 3)
    either = lambda a: lax.cond(a[0, 0] > 0, lambda a: a @ a @ a, lambda a: a @ a, a)
    assert flops(either, a) == 2 * 2 * 27


def test_turns_branches_and_networks_are_counted():
    x = jnp.zeros((4, 4))
    many = lambda x, last: lax.fori_loop(0, last, lambda _, y: x @ y, x)
    assert flops(many, x, 3, turns=6) == 6 * 2 * 4**3
    one_of = lambda x, i: lax.switch(i, [lambda x: x @ x, lambda x: x @ x @ x], x)
    assert flops(one_of, x, 0) == 2 * 2 * 4**3
    of_weights = jax.vmap(jax.grad(lambda w, x: (x @ w @ w).sum()), (0, None))
    assert flops(of_weights, jnp.zeros((5, 4, 4)), x) == 5 * 5 * 2 * 4**3


@pytest.mark.parametrize("groups", [1, 2])
def test_groups_of_channels(groups):
    x, w = shape(7, 8, 8, 4), shape(1, 1, 4 // groups, 6)
    convolved = lambda x, w: lax.conv_general_dilated(
        x,
        w,
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    assert flops(convolved, x, w) == 2 * (7 * 8 * 8 * 6) * (4 // groups)
