import jax
import jax.numpy as jnp
import naive_layers as naive
import numpy as np
import pytest

from dd_jax.models import build
from dd_jax.models.resnet import Block

GREY, COLOUR = (28, 28, 1), (32, 32, 3)


def count(name, num_classes, shape, **kw):
    model = build(name, num_classes, shape, **kw)
    params = jax.eval_shape(model.init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(params["params"]))


@pytest.mark.parametrize(
    "num_classes, shape, expected",
    [
        # 9*1*128+128 + 2*(9*128*128+128) + 3*256 + 2048*10+10
        (10, GREY, 317_706),
        # 9*3*128+128 in its place
        (10, COLOUR, 320_010),
        # 2048*100+100 in its place
        (100, COLOUR, 504_420),
    ],
)
def test_convnet_count(num_classes, shape, expected):
    assert count("convnet", num_classes, shape, width=128) == expected


def test_convnet_depth_and_norm_change_the_count():
    # depth 4 at 32x32: one more 9*128*128+128+256, the head is 512*10+10
    assert count("convnet", 10, COLOUR, depth=4) == 320_010 + 147_840 - 15_360
    assert count("convnet", 10, COLOUR, norm="none") == 320_010 - 3 * 256
    # without pooling the last map is 32x32
    assert count("convnet", 10, COLOUR, pooling="none") == 320_010 + 63 * 16 * 1280


@pytest.mark.parametrize(
    "name, grey, colour",
    [
        # h*w*c*128+128, 128*128+128, 128*10+10
        ("mlp", 100_480 + 16_512 + 1_290, 393_344 + 16_512 + 1_290),
        # 25*c*6+6, 25*6*16+16, 400*120+120, 120*84+84, 84*10+10
        ("lenet", 156 + 2_416 + 48_120 + 10_164 + 850, 62_006),
        # 25*c*128+128, 25*128*192+192, 9*192*256+256, 9*256*192+192, 9*192*192+192,
        # 192*4*4*10+10
        ("alexnet", 3_328 + 614_592 + 442_624 + 442_560 + 331_968 + 30_730, 1_872_202),
        # 9*c*64+64, 9*64*128+128, 9*128*256+256, 9*256*256+256, 9*256*512+512,
        # 3*(9*512*512+512), norms 2*(64+128+2*256+4*512), 512*10+10
        (
            "vgg11",
            640 + 73_856 + 295_168 + 590_080 + 1_180_160 + 7_079_424 + 5_504 + 5_130,
            9_231_114,
        ),
        # stem 9*c*64+128; stages 4*(9*64*64+128);
        # 9*64*128+3*9*128*128+64*128+5*256; the same at 128, 256 and at 256, 512;
        # 512*10+10
        (
            "resnet18",
            704 + 147_968 + 525_568 + 2_099_712 + 8_393_728 + 5_130,
            11_173_962,
        ),
    ],
)
def test_parameter_counts_worked_out_by_hand(name, grey, colour):
    assert count(name, 10, GREY) == grey
    assert count(name, 10, COLOUR) == colour


def test_resnet_variants_differ_in_the_head_alone():
    # pooled down-sampling: 28 -> 14 -> 7 -> 3 and 32 -> 16 -> 8 -> 4
    stride = count("resnet18", 10, GREY)
    assert count("resnet18_ap", 10, GREY) == stride + 8 * 512 * 10
    stride = count("resnet18", 10, COLOUR)
    assert count("resnet18_ap", 10, COLOUR) == stride + 15 * 512 * 10
    assert count("resnet18", 10, COLOUR, norm="batch") == stride


def test_convnet_equals_a_naive_forward_pass():
    mean, std = (0.2, 0.4), (0.5, 0.3)
    model = build("convnet", 3, (6, 7, 2), mean=mean, std=std, width=4, depth=2)
    params = naive.weights(model.init, 1)
    images = np.random.default_rng(0).uniform(size=(2, 6, 7, 2)).astype("f4")
    x = (np.asarray(images, np.float64) - mean) / std
    weights = params["params"]["backbone"]
    for block in ("0", "1"):
        layer, norm = weights[f"Conv_{block}"], weights[f"Norm_{block}"]
        x = naive.convolve(x, layer["kernel"], 1) + layer["bias"]
        x = naive.relu(naive.instance_norm(x, norm["scale"], norm["bias"]))
        x = naive.pool(x, "avg")
    x = x.reshape(2, -1)
    np.testing.assert_allclose(jax.jit(model.features)(params, images), x, atol=1e-5)
    logits = naive.linear(x, params["params"]["Linear_0"])
    np.testing.assert_allclose(jax.jit(model.apply)(params, images), logits, atol=1e-5)


@pytest.mark.parametrize("channels, padding", [(1, 2), (3, 0)])
def test_lenet_equals_a_naive_forward_pass(channels, padding):
    model = build("lenet", 4, (17, 16, channels))
    params = naive.weights(model.init, 2)
    images = np.random.default_rng(1).uniform(size=(2, 17, 16, channels)).astype("f4")
    weights, x = params["params"]["backbone"], images
    for layer, p in (("Conv_0", padding), ("Conv_1", 0)):
        x = naive.convolve(x, weights[layer]["kernel"], p) + weights[layer]["bias"]
        x = naive.pool(naive.relu(x), "max")
    x = x.reshape(2, -1)
    for layer in ("Linear_0", "Linear_1"):
        x = naive.relu(naive.linear(x, weights[layer]))
    np.testing.assert_allclose(jax.jit(model.features)(params, images), x, atol=1e-5)


def test_mlp_equals_a_naive_forward_pass():
    model = build("mlp", 4, (3, 2, 1))
    params = naive.weights(model.init, 3)
    images = np.random.default_rng(2).uniform(size=(5, 3, 2, 1)).astype("f4")
    weights, x = params["params"]["backbone"], images.reshape(5, 6)
    for layer in ("Linear_0", "Linear_1"):
        x = naive.relu(naive.linear(x, weights[layer]))
    np.testing.assert_allclose(jax.jit(model.features)(params, images), x, atol=1e-5)


def residual_block(x, weights, stride, shrink):
    """The block written out: convolution, norm, ReLU, twice, beside a shortcut."""
    norm = lambda y, name: naive.instance_norm(
        y, weights[name]["scale"], weights[name]["bias"]
    )
    kernel = lambda i: weights[f"Conv_{i}"]["kernel"]
    y = naive.relu(norm(naive.convolve(x, kernel(0), 1, stride), "Norm_0"))
    y = norm(naive.convolve(shrink(y), kernel(1), 1), "Norm_1")
    if "Conv_2" in weights:
        x = norm(shrink(naive.convolve(x, kernel(2), 0, stride)), "Norm_2")
    return naive.relu(x + y)


@pytest.mark.parametrize(
    "width, halve, downsample, size",
    [
        (4, True, "stride", (1, 3, 4, 4)),
        (4, True, "pool", (1, 2, 3, 4)),
        (2, False, "stride", (1, 5, 7, 2)),
    ],
)
def test_residual_block_equals_a_naive_one(width, halve, downsample, size):
    x = jnp.asarray(np.random.default_rng(4).normal(size=(1, 5, 7, 2)), jnp.float32)
    block = Block(width, halve, "instance", downsample)
    params = naive.weights(lambda key: block.init(key, x, False), 5)
    stride = 2 if halve and downsample == "stride" else 1
    pooled = halve and downsample == "pool"
    shrink = (lambda y: naive.pool(y, "avg")) if pooled else (lambda y: y)
    expected = residual_block(np.asarray(x), params["params"], stride, shrink)
    got = jax.jit(lambda p, x: block.apply(p, x, False))(params, x)
    assert got.shape == size
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize(
    "name", ["lenet", "alexnet", "vgg11", "resnet18", "resnet18_ap"]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_no_map_is_erased_at_the_smallest_sizes(name, channels):
    """Instance norm refuses 1x1 maps, so tracing shows that none arises."""
    for size in ((1, 1), (28, 31)):
        model = build(name, 2, (*size, channels))
        params = jax.eval_shape(model.init, jax.random.key(0))["params"]
        assert params["Linear_0"]["kernel"].shape[1] == 2
