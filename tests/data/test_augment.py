"""Laws of siamese augmentation: same key same operation, bounds, gradients."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.data import augment as augmentation
from dd_jax.data import image_ops
from dd_jax.data.augment import OPERATIONS, describe, dsa
from dd_jax.types import InputError

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
ALL = "color_crop_cutout_flip_scale_rotate"


def batch(n=4, shape=(8, 10, 3), seed=0):
    return jax.random.uniform(jax.random.key(seed), (n, *shape))


def draws(op, n, images, mode="siamese"):
    """Many augmentations of the same images with one strategy: `[n, ...]`."""
    augment = getattr(dsa(op, (0.0,), (1.0,)), mode)
    keys = jax.random.split(jax.random.key(7), n)
    return np.asarray(jax.jit(jax.vmap(augment, (0, None)))(keys, images))


def test_siamese_treats_two_batches_alike():
    augment = dsa(ALL, MEAN, STD).siamese
    real, synthetic = batch(4), batch(2, seed=1)

    @jax.jit
    @jax.vmap
    def pair(key):
        both = jnp.concatenate([real, synthetic])
        return augment(key, synthetic), augment(key, both)

    alone, both = pair(jax.random.split(jax.random.key(3), 40))
    np.testing.assert_allclose(alone, both[:, 4:], atol=1e-6)


def test_independent_differs_between_images():
    same = jnp.broadcast_to(batch(1), (16, 8, 10, 3))
    out = draws(ALL, 40, same, "independent")
    assert np.ptp(out, axis=1).max((1, 2, 3)).min() > 1e-3


def test_fill_is_the_mean_of_the_data():
    out = dsa("cutout", MEAN, STD).siamese(jax.random.key(0), batch())
    hole = np.isclose(out, np.array(MEAN), atol=1e-6).all(-1).all(0)
    assert 4 <= hole.sum() <= 20  # at most half of each side of 8 x 10
    np.testing.assert_allclose(np.asarray(out)[:, ~hole], batch()[:, ~hole], atol=1e-6)


@pytest.mark.parametrize("strategy", ["", "none"])
def test_identity(strategy):
    x = batch()
    for augment in dsa(strategy, MEAN, STD):
        np.testing.assert_array_equal(augment(jax.random.key(0), x), x)


def test_unknown_operation():
    with pytest.raises(InputError) as error:
        dsa("color_blur", MEAN, STD)
    assert str(error.value) == (
        "augment 'color_blur' has the unknown operation 'blur'; join any of color, "
        "crop, cutout, flip, scale, rotate by '_' or '+', or use 'none'"
    )


def test_stages_follow_one_another_each_with_one_operation():
    x = jnp.full((1, 8, 8, 1), 4.0)
    out = draws("color+cutout_crop", 200, x)
    inside = out.max((1, 2, 3, 4))
    assert (np.abs(inside - 4) > 1e-3).all()  # coloured each time, by an offset
    empty = (np.abs(out) < 1e-6).sum((1, 2, 3, 4))
    assert (empty > 0).mean() > 0.9  # a hole or a border, after the colours
    alone, whole = (dsa(s, MEAN, STD) for s in ("cutout", "color+cutout"))
    key = jax.random.key(3)
    first, second = jax.random.split(key, 2)
    coloured = dsa("color", MEAN, STD).siamese(first, batch())
    expected = alone.siamese(second, coloured)
    np.testing.assert_allclose(whole.siamese(key, batch()), expected, atol=1e-5)


def test_every_operation_is_drawn_equally_often():
    # an image whose response tells the operations apart: flip or not, cut or not
    x = jnp.arange(1.0, 65.0).reshape(1, 8, 8, 1)
    out = draws("flip_cutout", 800, x)
    cut = (np.abs(out) < 1e-6).any((1, 2, 3, 4)).mean()
    flipped = (np.abs(out - np.asarray(x[:, :, ::-1])) < 1e-6).all((1, 2, 3, 4)).mean()
    assert abs(cut - 0.5) < 0.07  # 4 standard errors
    assert abs(flipped - 0.25) < 0.062


def test_color_bounds():
    grey = draws("color", 500, jnp.full((1, 4, 4, 1), 2.0))
    assert 1.5 <= grey.min() < 1.55 and 2.45 < grey.max() <= 2.5  # brightness alone
    edge = jnp.zeros((1, 1, 2, 1)).at[0, 0, 1].set(1.0)
    spread = np.ptp(draws("color", 500, edge), axis=3)
    assert 0.5 <= spread.min() < 0.55 and 1.45 < spread.max() <= 1.5  # contrast
    tint = jnp.zeros((1, 1, 1, 2)).at[..., 1].set(1.0)
    span = np.ptp(draws("color", 500, tint), axis=4)
    assert span.min() < 0.05 and 2.5 < span.max() <= 3.0  # saturation times contrast


def test_crop_reaches_each_shift_up_to_an_eighth():
    dot = jnp.zeros((1, 16, 24, 1)).at[0, 8, 12, 0].set(1.0)
    out = draws("crop", 600, dot)[:, 0, :, :, 0]
    _, y, x = np.nonzero(out)
    assert len(y) == 600
    assert set(y) == set(range(6, 11)) and set(x) == set(range(9, 16))


def test_cutout_area():
    out = draws("cutout", 400, jnp.ones((1, 28, 28, 1)))[:, 0, :, :, 0]
    rows, columns = (out == 0).any(2).sum(1), (out == 0).any(1).sum(1)
    for side in (rows, columns):
        assert side.min() == 7 and side.max() == 14
    np.testing.assert_array_equal((out == 0).sum((1, 2)), rows * columns)


def test_scale_and_rotate_bounds():
    ramp = jnp.broadcast_to((jnp.arange(32.0) - 15.5)[:, None], (32, 32))[
        None, ..., None
    ]
    middle = draws("scale", 400, ramp)[:, 0, 14:18, 16, 0]
    slope = middle[:, 3] - middle[:, 0]
    assert 1 / 1.2 - 1e-3 <= slope.min() / 3 < 0.86 and 1.17 < slope.max() / 3 <= 1.2001
    turned = draws("rotate", 400, ramp)[:, 0, 16, 14:18, 0]
    sine = (turned[:, 3] - turned[:, 0]) / 3
    limit = np.sin(np.deg2rad(15))
    assert -limit - 1e-3 <= sine.min() < -0.23 and 0.23 < sine.max() <= limit + 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode, shape",
    [
        pytest.param("siamese", (8, 8, 1), marks=pytest.mark.slow),
        ("independent", (7, 5, 3)),
    ],
)
def test_gradient_and_vmap(mode, shape):
    augment = jax.jit(getattr(dsa(ALL, (0.5,), (0.25,)), mode))
    keys = jax.random.split(jax.random.key(1), 3)
    x = batch(6, shape).reshape(3, 2, *shape)
    mapped = jax.jit(jax.vmap(augment))(keys, x)
    one_by_one = jnp.stack([augment(k, a) for k, a in zip(keys, x)])
    np.testing.assert_allclose(mapped, one_by_one, atol=2e-6)
    assert mapped.shape == x.shape
    gradient = jax.jit(jax.grad(lambda a: (augment(keys[0], a) ** 2).sum()))(x[0])
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_only_the_drawn_operation_is_compiled_as_a_branch():
    text = str(jax.make_jaxpr(dsa(ALL, MEAN, STD).siamese)(jax.random.key(0), batch()))
    assert "cond[" in text


def test_every_operation_has_words_for_who_lacks_the_package():
    words = describe("+".join(["_".join(OPERATIONS), "flip"]))
    assert "stages " in words
    assert all(f"{token}: " in words for token in OPERATIONS)
    assert describe("none") == "none"


@pytest.mark.parametrize("side", [5, 6, 8, 28])
def test_the_words_give_the_ranges_that_are_drawn(side):
    """Formulas out of the words, against what the operations do to a blank image."""
    words = describe("crop_cutout")
    s = eval(re.search(r"s = (int\(.*?\))", words)[1], {"side": side})
    last = eval(re.search(r"c uniform in 0, 1, \.\.\. (.*?),", words)[1], locals())
    blank = jnp.ones((1, side, side, 1))
    holes = draws("cutout", 2000, blank)[:, 0, :, :, 0] == 0
    rows = {tuple(np.flatnonzero(hole.any(1))) for hole in holes}
    everywhere = {
        tuple(y for y in range(c - s // 2, c - s // 2 + s) if 0 <= y < side)
        for c in range(last + 1)
    }
    assert rows == everywhere
    r = eval(re.search(r"r = (int\(.*?\))", words)[1], {"side": side})
    ramp = jnp.broadcast_to(jnp.arange(1.0, side + 1)[None, :, None, None], blank.shape)
    moved = draws("crop", 300, ramp)[:, 0, side // 2, :, 0].max(1) - 1 - side // 2
    assert set(moved.astype(int)) == set(range(-r, r + 1))


@pytest.mark.parametrize(
    "operation, module, constant, value, words",
    [
        ("color", augmentation, "BRIGHTNESS", 0.25, "x + u - 0.25,"),
        ("color", augmentation, "SATURATION", 3.0, "then 3 u (x - g)"),
        ("color", augmentation, "CONTRAST", 0.75, "(u + 0.75) (x - m)"),
        ("crop", augmentation, "CROP", 0.25, "r = int(0.25 * side + 0.5)"),
        ("scale", augmentation, "SCALE", 1.5, "[1/1.5, 1.5)"),
        ("rotate", augmentation, "DEGREES", 30.0, "in [-30, 30) degrees"),
        ("crop", image_ops, "FILL", 0.5, "0.5 from outside"),
        ("cutout", image_ops, "CUTOUT", 0.25, "s = int(0.25 * side + 0.5)"),
        ("scale", image_ops, "ALIGN_CORNERS", True, "2 i / (n - 1) - 1 for pixel i of"),
    ],
)
def test_words_and_images_follow_the_constants(
    monkeypatch, operation, module, constant, value, words
):
    images = batch(2)
    before, images_before = describe(ALL), draws(operation, 8, images)
    assert words not in before
    monkeypatch.setattr(module, constant, value)
    assert words in describe(ALL)
    assert not np.array_equal(draws(operation, 8, images), images_before)


@pytest.mark.slow
def test_corners_are_where_the_words_say():
    """A turn by nothing is exact; by 180 degrees it mirrors about the middle."""
    assert "(2 i + 1) / n - 1 for pixel i of n (align_corners=False)" in describe(
        "rotate"
    )
    images = batch(2)
    turned = image_ops.rotate(jnp.array([jnp.pi]), images)
    np.testing.assert_allclose(turned, images[:, ::-1, ::-1], atol=1e-5)
    # at half the size, pixel 0 of 8 lies at -7/8, and is sampled at -7/4: outside
    halved = image_ops.scale(jnp.array([[2.0, 1.0]]), images)
    np.testing.assert_allclose(halved[:, 2], images[:, :2].mean(1), atol=1e-6)
    np.testing.assert_array_equal(halved[:, 0], 0)
