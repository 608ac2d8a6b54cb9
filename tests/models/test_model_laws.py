"""One battery of laws over every registered architecture."""

import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.models import MODELS, build
from dd_jax.runtime.stacked import repeated, stack_trees

SMALL = {"convnet": {"width": 4}}
CASES = {
    "convnet": ("convnet", {"width": 4, "depth": 2}),
    "convnet-batch": ("convnet", {"width": 4, "depth": 2, "norm": "batch"}),
    "mlp": ("mlp", {}),
    "lenet": ("lenet", {}),
    "alexnet": ("alexnet", {}),
    "vgg11": ("vgg11", {}),
    "vgg11-batch": ("vgg11", {"norm": "batch"}),
    "resnet18": ("resnet18", {}),
    "resnet18-batch": ("resnet18", {"norm": "batch"}),
    "resnet18_ap": ("resnet18_ap", {}),
}
WIDE = ("alexnet", "vgg11", "resnet18", "resnet18_ap")


def marked(case):
    marks = [pytest.mark.slow] if CASES[case][0] in WIDE else []
    return pytest.param(case, marks=marks)


@pytest.fixture(scope="module", params=[marked(case) for case in CASES])
def net(request):
    name, kw = CASES[request.param]
    model = build(name, 3, (8, 8, 1), mean=(0.4,), std=(0.3,), **kw)
    return SimpleNamespace(
        model=model,
        init=(init := jax.jit(model.init)),
        apply=jax.jit(model.apply),
        params=init(jax.random.key(0)),
        images=jax.random.uniform(jax.random.key(1), (4, 8, 8, 1)),
        batch_norm=kw.get("norm") == "batch",
    )


def leaves(tree):
    return {jax.tree_util.keystr(k): v for k, v in jax.tree.leaves_with_path(tree)}


def test_every_architecture_is_in_the_battery():
    assert {name for name, _ in CASES.values()} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1), (20, 13, 3)])
def test_shapes(name, shape):
    model = build(name, 7, shape, **SMALL.get(name, {}))
    params = jax.eval_shape(model.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    logits = jax.eval_shape(model.apply, params, images)
    features = jax.eval_shape(model.features, params, images)
    assert logits.shape == (2, 7)
    assert logits.dtype == jnp.float32
    head = params["params"]["Linear_0"]["kernel"]
    assert features.shape == (2, head.shape[0])


def test_logits_are_the_last_layer_on_the_features(net):
    head = net.params["params"]["Linear_0"]
    features = jax.jit(net.model.features)(net.params, net.images)
    logits = net.apply(net.params, net.images)
    expected = np.asarray(features) @ head["kernel"] + head["bias"]
    np.testing.assert_allclose(logits, expected, atol=2e-5)


@pytest.mark.slow
def test_jit_equals_eager(net):
    eager = net.model.apply(net.params, net.images)
    np.testing.assert_allclose(net.apply(net.params, net.images), eager, atol=2e-4)


def test_vmap_over_parameters(net):
    nets = net.params, net.init(jax.random.key(2))
    several = stack_trees(nets)
    got = jax.jit(jax.vmap(net.model.apply, (0, None)))(several, net.images)
    for logits, one in zip(got, nets):
        np.testing.assert_allclose(logits, net.apply(one, net.images), atol=2e-4)


def test_gradients_are_finite_and_reach_every_kernel(net):
    def loss(params):
        logits, _ = net.model.train_apply(params, net.images)
        return -jnp.mean(jax.nn.log_softmax(logits)[:, 0])

    gradients = leaves(jax.jit(jax.grad(loss))(net.params)["params"])
    for path, gradient in gradients.items():
        assert bool(jnp.all(jnp.isfinite(gradient))), path
        if "kernel" in path:
            assert float(jnp.max(jnp.abs(gradient))) > 1e-8, path


def test_images_do_not_see_each_other(net):
    others = net.images.at[1:].set(1 - net.images[1:])
    first, again = net.apply(net.params, net.images), net.apply(net.params, others)
    np.testing.assert_allclose(first[0], again[0], atol=1e-5)
    assert float(jnp.max(jnp.abs(first[1:] - again[1:]))) > 1e-4
    train = jax.jit(lambda p, x: net.model.train_apply(p, x)[0])
    drift = jnp.abs(train(net.params, net.images)[0] - train(net.params, others)[0])
    assert (float(jnp.max(drift)) > 1e-5) == net.batch_norm


def test_statistics_belong_to_batch_norm_alone(net):
    _, statistics = jax.jit(net.model.train_apply)(net.params, net.images)
    if not net.batch_norm:
        assert statistics == {}
        return
    assert set(statistics) == {"batch_stats"}
    updated = net.params | statistics
    assert jax.tree.structure(updated) == jax.tree.structure(net.params)
    before, after = leaves(net.params), leaves(updated)
    for path, value in after.items():
        moved = bool(jnp.any(value != before[path]))
        assert moved == ("batch_stats" in path), path


def test_same_key_same_bits(net):
    first, again = net.init(jax.random.key(5)), net.init(jax.random.key(5))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    other = leaves(net.init(jax.random.key(6)))
    for path, value in leaves(first).items():
        if "kernel" in path:
            assert bool(jnp.all(value.ravel()[:5] != other[path].ravel()[:5])), path


def test_batched_gradients_hold_no_grouped_convolution(net):
    loss = lambda params: jnp.sum(
        jnp.square(net.model.train_apply(params, net.images)[0])
    )
    several = repeated(net.params, 2)
    program = str(jax.make_jaxpr(jax.vmap(jax.grad(loss)))(several))
    assert not re.search(r"_group_count=(?!1\b)\d+", program)
