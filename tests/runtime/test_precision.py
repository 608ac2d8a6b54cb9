"""Networks compute in the precision that is named; all else stays in f32."""

from functools import partial
from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill.base import Batch
from dd_jax.distill.methods.distribution_matching import class_means
from dd_jax.models import build
from dd_jax.models.conv import convolve
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.precision import computing_in, precision, product, require_precision
from dd_jax.train import trainer
from dd_jax.types import InputError

CLASSES, SHAPE = 3, (8, 8, 3)
PRODUCTS = ("conv_general_dilated", "dot_general")


def network(name="convnet"):
    options = {"width": 4, "depth": 2, "norm": "batch"} if name == "convnet" else {}
    return build(name, CLASSES, SHAPE, mean=(0.4,) * 3, std=(0.3,) * 3, **options)


def epoch(model):
    """One epoch of training, and the shapes that it is given."""
    one = trainer(model, batch=8)
    images, labels = jnp.ones((12, *SHAPE)), jnp.ones((12, CLASSES))
    advance = lambda key, state: one.advance(
        key, state, images, labels, jnp.arange(12), 0.01, 1, 0, 1
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    return advance, (key, jax.eval_shape(one.init, key))


def equations(jaxpr):
    """All of a program, those of its parts among them."""
    for equation in jaxpr.eqns:
        yield equation
        for part in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr"),
        ):
            inner = getattr(part, "jaxpr", part)
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def operands(fun, *arguments, of=PRODUCTS):
    """`(primitive, dtype, precision)` of the products of images or features."""
    program = jax.make_jaxpr(fun)(*arguments).jaxpr
    return [
        (e.primitive.name, e.invars[0].aval.dtype.name, str(e.params["precision"]))
        for e in equations(program)
        if e.primitive.name in of
    ]


@pytest.mark.parametrize(
    "name, dtype, passes",
    [
        ("float32", "float32", "HIGHEST"),
        ("tf32", "float32", "HIGH"),
        ("bfloat16", "bfloat16", "DEFAULT"),
    ],
)
def test_convolutions_of_an_accelerator_take_what_is_named(name, dtype, passes):
    with made_for("gpu"), computing_in(name):
        advance, arguments = epoch(network())
        found = operands(advance, *arguments)
    convolutions = [f for f in found if f[0] == "conv_general_dilated"]
    assert len(convolutions) >= 2 + 1 + 2  # forwards, to images and to weights
    wanted = f"(<Precision.{passes}" if "<" in found[0][2] else f"(Precision.{passes},"
    assert all(f[1] == dtype and f[2].startswith(wanted) for f in convolutions)
    exact = {f[1:] for f in found if f[0] == "dot_general"}  # head and mean loss
    assert {f[0] for f in exact} == {"float32"}
    assert all("HIGHEST" in f[1] for f in exact)


@pytest.mark.parametrize("target", ["gpu", "tpu"])
def test_no_form_of_a_convolution_leaves_bfloat16(target):
    """That of one channel among them."""
    x, w = np.ones((2, 8, 8, 1), "f4"), np.ones((3, 3, 1, 4), "f4")
    once = lambda x, w: jnp.sin(product(partial(convolve, padding=1), x, w)).sum()
    with made_for(target), computing_in("bfloat16"):
        found = operands(jax.grad(once, (0, 1)), x, w)
    assert len(found) == 3 and {f[1] for f in found} == {"bfloat16"}


def test_linear_layers_take_what_is_named_but_for_the_head():
    with made_for("tpu"), computing_in("bfloat16"):
        model = network("mlp")
        params = jax.eval_shape(model.init, jax.random.key(0))
        found = operands(model.apply, params, np.ones((2, *SHAPE)))
    assert [f[1] for f in found] == ["bfloat16", "bfloat16", "float32"]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_state_loss_and_statistics_of_training_stay_f32(target):
    with made_for(target), computing_in("bfloat16"):
        advance, arguments = epoch(network())
        state, loss = jax.eval_shape(advance, *arguments)
        model, params = network(), arguments[1].params
        logits, statistics = jax.eval_shape(
            model.train_apply, params, jnp.ones((2, *SHAPE))
        )
    chex.assert_trees_all_equal_dtypes(state, arguments[1])
    floats = jax.tree.leaves((state, loss, logits, statistics))
    assert {leaf.dtype for leaf in floats} == {jnp.dtype("float32")}


def test_float32_on_cpu_changes_no_bit():
    model = network()
    params = jax.jit(model.init)(jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (4, *SHAPE))
    loss = lambda params: jnp.square(model.train_apply(params, images)[0]).sum()
    gradient = jax.jit(jax.grad(loss))
    plain = gradient(params)
    with computing_in("float32"):
        jax.tree.map(np.testing.assert_array_equal, plain, gradient(params))
    assert gradient._cache_size() == 2


def test_bfloat16_on_cpu_rounds_as_bf16_operands_do():
    """The operands and the result of every derivative, as those of bf16 arrays."""
    a, b = (jax.random.normal(jax.random.key(i), (8, 8)) for i in range(2))
    low = lambda a, b: (a.astype("bfloat16") @ b.astype("bfloat16")).astype("float32")
    slope = lambda f: jax.grad(lambda a, b: jnp.sin(f(a, b)).sum(), (0, 1))(a, b)
    with computing_in("bfloat16"):
        ours = lambda a, b: product(jnp.matmul, a, b)
        found = ours(a, b), slope(ours)
    wanted = low(a, b), slope(low)
    chex.assert_trees_all_close(found, wanted, rtol=2**-7, atol=2**-8)
    as_stored = jax.tree.map(lambda x: x.astype("bfloat16").astype("float32"), found)
    jax.tree.map(np.testing.assert_array_equal, found, as_stored)


def test_one_function_has_a_program_for_each_precision():
    seen = []
    traced = jax.jit(lambda x: seen.append(precision()) or x)
    for _ in range(2):
        traced(1.0)
        for name in ("float32", "bfloat16"):
            with computing_in(name):
                traced(1.0)
    assert sorted({*seen}) == ["bfloat16", "float32"] and len(seen) <= 3


def test_matrix_products_outside_of_networks_stay_exact():
    """As means of features, kernels of frepo and whitening."""
    model = network()
    params = jax.eval_shape(model.init, jax.random.key(0))
    batch = Batch(np.ones((CLASSES, 2, *SHAPE)), np.ones((CLASSES, 2)))
    with made_for("gpu"), computing_in("bfloat16"):
        found = operands(lambda params: class_means(model, params, batch), params)
    means = [f for f in found if f[0] == "dot_general"]
    assert {f[1] for f in found if f not in means} == {"bfloat16"}
    assert {f[1] for f in means} == {"float32"}
    assert all("HIGHEST" in f[2] for f in means)


@pytest.mark.parametrize("target", ["cpu", "tpu"])
def test_tf32_is_refused_where_there_is_none(target):
    with made_for(target), pytest.raises(InputError, match=f"=tf32: {target} has no"):
        with computing_in("tf32"):
            pass


@pytest.mark.parametrize(
    "capability, has",
    [("7.5", False), ("8.0", True), ("10.0", True), ("gfx90a", False)],
)
def test_tf32_needs_compute_capability_8(monkeypatch, capability, has):
    card = SimpleNamespace(
        platform="gpu", device_kind="a card", compute_capability=capability
    )
    monkeypatch.setattr(jax, "local_devices", lambda backend: [card])
    with made_for("gpu"):
        if has:
            return require_precision("tf32")
        with pytest.raises(
            InputError, match="tf32: a card has no tf32.*; take float32"
        ):
            require_precision("tf32")


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="precision=bf16: take one of float32, tf32"):
        require_precision("bf16")
