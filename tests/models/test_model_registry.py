import jax
import jax.numpy as jnp
import naive_layers as naive
import numpy as np
import pytest

from dd_jax.models import (
    MODELS,
    build,
    describe_architecture,
    field_names,
    minimum_size,
)
from dd_jax.types import InputError


def test_names():
    assert set(MODELS) == {
        *("convnet", "mlp", "lenet", "alexnet", "vgg11", "resnet18", "resnet18_ap")
    }


def test_fields_are_the_choices_of_each_architecture():
    assert field_names("convnet") == {"width", "depth", "norm", "activation", "pooling"}
    assert (
        field_names("mlp")
        == field_names("lenet")
        == field_names("alexnet")
        == frozenset()
    )
    assert field_names("vgg11") == {"norm"}
    assert field_names("resnet18") == {"norm"}


@pytest.mark.parametrize(
    "call", [field_names, minimum_size, lambda n: build(n, 2, (8, 8, 1))]
)
def test_unknown_name(call):
    with pytest.raises(InputError, match="model.name is 'vgg'; known: convnet, mlp,"):
        call("vgg")


@pytest.mark.parametrize(
    "name, kw, message",
    [
        ("lenet", {"width": 8}, "model 'lenet' has no width; its fields: none"),
        (
            "vgg11",
            {"depth": 2, "act": 1},
            "'vgg11' has no act, depth; its fields: norm",
        ),
        ("convnet", {"parent": None}, "model 'convnet' has no parent; its fields: act"),
    ],
)
def test_unknown_field(name, kw, message):
    with pytest.raises(InputError, match=message):
        build(name, 2, (8, 8, 1), **kw)


@pytest.mark.parametrize(
    "name, kw, message",
    [
        ("convnet", {"norm": "bn"}, "model.norm is 'bn'; known: instance"),
        ("convnet", {"pooling": "sum"}, "model.pooling is 'sum'; known: avg"),
        ("convnet", {"activation": "tanh"}, "model.activation is 'tanh'; known: relu"),
        ("convnet", {"depth": 5}, "model.norm 'instance' erases 1x1 feature maps"),
    ],
)
def test_bad_value_of_a_field(name, kw, message):
    with pytest.raises(InputError, match=message):
        build(name, 2, (8, 8, 1), **kw)


def test_same_arguments_give_the_same_object():
    kw = dict(mean=(0.1,), std=(0.2,), width=4)
    assert build("convnet", 2, (8, 8, 1), **kw) is build("convnet", 2, (8, 8, 1), **kw)
    other = build("convnet", 2, (8, 8, 1), **{**kw, "width": 8})
    assert build("convnet", 2, (8, 8, 1), **kw) is not other


def test_a_model_built_while_tracing_works_afterwards():
    def logits(images):
        model = build("mlp", 3, (2, 2, 1), mean=(0.3,), std=(0.7,))
        return model.apply(model.init(jax.random.key(0)), images)

    images = jnp.ones((1, 2, 2, 1))
    np.testing.assert_allclose(jax.jit(logits)(images), logits(images), rtol=1e-5)


def test_images_are_normalised_inside():
    plain = build("mlp", 3, (2, 2, 2))
    inside = build("mlp", 3, (2, 2, 2), mean=(0.3, 0.6), std=(0.5, 0.25))
    params = plain.init(jax.random.key(0))
    images = np.random.default_rng(1).uniform(size=(4, 2, 2, 2)).astype("f4")
    outside = (images - jnp.array([0.3, 0.6])) / jnp.array([0.5, 0.25])
    np.testing.assert_allclose(
        inside.apply(params, images), plain.apply(params, outside), atol=1e-6
    )


def test_small_images_are_up_sampled():
    small, large = build("lenet", 3, (8, 20, 1)), build("lenet", 3, (16, 20, 1))
    params = naive.weights(small.init, 0)
    images = np.random.default_rng(1).uniform(size=(2, 8, 20, 1)).astype("f4")
    # doubling, bilinear, half-pixel centres: weights 3/4 and 1/4 of the near rows
    rows = np.concatenate([images[:, :1], images, images[:, -1:]], 1)
    up = 0.25 * rows[:, :-2] + 0.75 * rows[:, 1:-1]
    down = 0.75 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
    doubled = np.stack([up, down], 2).reshape(2, 16, 20, 1)
    np.testing.assert_allclose(
        jax.jit(small.apply)(params, images),
        jax.jit(large.apply)(params, doubled),
        rtol=1e-5,
    )
    assert minimum_size("lenet") == 16
    assert minimum_size("convnet") == 1


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_has_words_for_who_lacks_the_package(name):
    words = describe_architecture(name)
    assert "\n" not in words and len(words) > 250


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 1), np.float32),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((2, 9, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.float32),
    ],
)
def test_images_of_another_kind_are_refused(images):
    model = build("mlp", 3, (8, 8, 3))
    params = jax.eval_shape(model.init, jax.random.key(0))
    for fun in (model.apply, model.features, model.train_apply):
        with pytest.raises(AssertionError):
            jax.eval_shape(fun, params, images)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"image_shape": (8, 8)}, "need height, width, channels"),
        ({"mean": 0.5}, "mean=0.5: need a number for each of 3 channels"),
        ({"std": (1.0,)}, "std=.*for each of 3"),
        ({"std": (1.0, 0.0, 1.0)}, "std=.*above 0"),
    ],
)
def test_shapes_and_statistics_have_their_lengths(changes, words):
    with pytest.raises(InputError, match=words):
        build("mlp", 3, **{"image_shape": (8, 8, 3)} | changes)


def test_statistics_may_be_arrays():
    mean, std = np.float32([0.5, 0.25, 0.5]), [0.5, 0.25, 0.125]
    model = build("mlp", 3, (8, 8, 3), mean=mean, std=np.array(std))
    assert model is build(
        "mlp", 3, (8, 8, 3), mean=tuple(mean.tolist()), std=tuple(std)
    )
