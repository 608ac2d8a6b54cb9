"""Each operation against a naive loop over pixels."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import optimised as optimised

from dd_jax.data import image_ops as ops

SHAPES = [(8, 8, 1), (6, 9, 3), (7, 5, 2)]


def images(shape, n=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def at(image, y, x):
    h, w, c = image.shape
    return image[y, x] if 0 <= y < h and 0 <= x < w else np.zeros(c)


def grid_sample(image, theta):
    """Bilinear sampling at `theta @ (X, Y)`, written as in PyTorch's documentation."""
    h, w, _ = image.shape
    out = np.zeros(image.shape)
    for i in range(h):
        for j in range(w):
            gx, gy = theta @ np.array([(2 * j + 1) / w - 1, (2 * i + 1) / h - 1])
            x, y = ((gx + 1) * w - 1) / 2, ((gy + 1) * h - 1) / 2
            for yy in (math.floor(y), math.floor(y) + 1):
                for xx in (math.floor(x), math.floor(x) + 1):
                    weight = (1 - abs(y - yy)) * (1 - abs(x - xx))
                    out[i, j] += weight * at(image, yy, xx)
    return out


def test_flip_mirrors_only_the_chosen():
    x = images((6, 9, 3))
    out = ops.flip(jnp.array([True, False, True]), x)
    np.testing.assert_array_equal(out[0], x[0, :, ::-1])
    np.testing.assert_array_equal(out[1], x[1])


def test_brightness_by_hand():
    out = ops.brightness(jnp.array([0.25, -1.0]), np.ones((2, 2, 2, 1), np.float32))
    np.testing.assert_allclose(out[0], 1.25)
    np.testing.assert_allclose(out[1], 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_saturation_and_contrast(shape):
    x, f = images(shape), np.array([0.0, 0.7, 1.9], np.float32)
    saturated, contrasted = np.zeros_like(x), np.zeros_like(x)
    for n in range(3):
        mean = x[n].mean()
        contrasted[n] = (x[n] - mean) * f[n] + mean
        for i in range(shape[0]):
            for j in range(shape[1]):
                grey = x[n, i, j].mean()
                saturated[n, i, j] = (x[n, i, j] - grey) * f[n] + grey
    np.testing.assert_allclose(ops.saturation(f, x), saturated, atol=1e-6)
    np.testing.assert_allclose(ops.contrast(f, x), contrasted, atol=1e-6)


def test_saturation_leaves_one_channel():
    x = images((8, 8, 1))
    np.testing.assert_array_equal(ops.saturation(jnp.array([0.3]), x), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_crop(shape):
    x, shift = images(shape), np.array([[1, -2], [0, 0], [-1, 3]])
    expected = np.zeros_like(x)
    for n, (dy, dx) in enumerate(shift):
        for i in range(shape[0]):
            for j in range(shape[1]):
                expected[n, i, j] = at(x[n], i + dy, j + dx)
    np.testing.assert_array_equal(jax.jit(ops.crop)(shift, x), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout(shape):
    h, w, _ = shape
    x, centre = images(shape), np.array([[0, 0], [h // 2, 1], [h - 1, w - 1]])
    sh, sw = int(h * 0.5 + 0.5), int(w * 0.5 + 0.5)
    expected = x.copy()
    for n, (cy, cx) in enumerate(centre):
        for i in range(sh):
            for j in range(sw):
                yy = min(max(cy + i - sh // 2, 0), h - 1)
                xx = min(max(cx + j - sw // 2, 0), w - 1)
                expected[n, yy, xx] = 0
    np.testing.assert_array_equal(jax.jit(ops.cutout)(centre, x), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_scale(shape):
    x, f = images(shape), np.array([[1 / 1.2, 1.2], [1.0, 1.0], [1.1, 0.9]], np.float32)
    expected = [grid_sample(a, np.diag([fx, fy])) for a, (fy, fx) in zip(x, f)]
    np.testing.assert_allclose(jax.jit(ops.scale)(f, x), np.stack(expected), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_rotate(shape):
    x, angle = images(shape), np.array([0.26, 0.0, -0.2], np.float32)
    expected = [
        grid_sample(
            a, np.array([[np.cos(t), np.sin(-t)], [np.sin(t), np.cos(t)]], np.float64)
        )
        for a, t in zip(x, angle)
    ]
    np.testing.assert_allclose(
        jax.jit(ops.rotate)(angle, x), np.stack(expected), atol=1e-5
    )


def test_quarter_turn_is_counter_clockwise():
    x = images((8, 8, 1))
    out = jax.jit(ops.rotate)(np.array([np.pi / 2], np.float32), x)
    np.testing.assert_allclose(out, np.rot90(x, 1, axes=(1, 2)), atol=1e-5)


@pytest.mark.parametrize("m", [1, 3])
def test_sampling_is_linear_with_its_adjoint_as_gradient(m):
    x, y = images((6, 9, 2)), images((6, 9, 2), seed=1)
    angle = np.linspace(-0.2, 0.2, m, dtype=np.float32)
    out, adjoint = jax.vjp(jax.jit(lambda a: ops.rotate(angle, a)), x)
    np.testing.assert_allclose(
        jnp.vdot(out, y), jnp.vdot(x, adjoint(jnp.asarray(y))[0]), rtol=1e-4
    )


def test_one_parameter_equals_the_same_parameter_for_each():
    x = images((7, 5, 2))
    for op, one in [
        (ops.crop, np.array([[1, -1]])),
        (ops.cutout, np.array([[2, 1]])),
        (ops.scale, np.array([[1.1, 0.9]], np.float32)),
        (ops.rotate, np.array([0.2], np.float32)),
    ]:
        each = jax.jit(op)(np.repeat(one, 3, axis=0), x)
        np.testing.assert_allclose(jax.jit(op)(one, x), each, atol=1e-6)
