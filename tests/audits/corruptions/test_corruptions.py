"""The corruptions against naive forms and PIL, and the mean corruption error."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dd_jax.audits.corruptions import (
    CONDITIONS,
    CORRUPTIONS,
    blur,
    corrupt,
    corruption_accuracy,
    digital,
    filters,
    mean_corruption_error,
    record,
    weather,
)
from dd_jax.types import InputError, Model

KEY = jax.random.key(0)
GREY, COLOUR = (6, 9, 12, 1), (3, 24, 24, 3)  # few shapes: few programs
BENCHMARK = (
    "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur "
    "zoom_blur snow frost fog brightness contrast elastic pixelate jpeg"
)
# no randomness, or none at constant images
UNCHANGED_IF_FLAT = ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur") + (
    "contrast",
    "elastic",
    "pixelate",
)


def picture(h, w, c, seed=0):
    """Smooth shapes with a little noise, f32 in [0, 1]."""
    y, x = np.mgrid[:h, :w]
    waves = [0.5 + 0.4 * np.sin(0.3 * (i + 1) * x + 0.2 * y) for i in range(c)]
    noise = np.random.default_rng(seed).normal(0, 0.03, (h, w, c))
    return np.clip(np.stack(waves, -1) + noise, 0, 1).astype(np.float32)


def as_bytes(image):
    return np.round(255 * np.asarray(image)).astype(np.uint8)


def pil(image):
    levels = as_bytes(image)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def test_the_benchmark_is_complete():
    assert list(CORRUPTIONS) == BENCHMARK.split()
    for name, corruption in CORRUPTIONS.items():
        assert np.shape(corruption.parameters)[0] == 5, name


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_laws(name):
    """In [0, 1], not the identity, deterministic, one program, a draw an image."""
    same = np.stack([picture(*GREY[1:])] * GREY[0])
    seen = [np.asarray(corrupt(KEY, name, same, s)) for s in (1, 5)]
    for found in seen:
        assert found.shape == same.shape and found.dtype == np.float32
        assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
        assert not np.array_equal(found, same)
    np.testing.assert_array_equal(seen[1], corrupt(KEY, name, same, jnp.int32(5)))
    apart = not np.array_equal(seen[1][0], seen[1][1])
    fixed = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg"}
    assert apart == (name not in fixed)


QUICK = ("shot_noise", "defocus_blur", "fog", "contrast", "jpeg")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow])
        for n in CORRUPTIONS
    ],
)
def test_colour_and_severity(name):
    """Changes grow with severity, except of corruptions that change in kind."""
    images = np.stack([picture(*COLOUR[1:], seed) for seed in range(COLOUR[0])])
    seen = [np.asarray(corrupt(KEY, name, images, s)) for s in (1, 3, 5)]
    change = [np.abs(found - images).mean() for found in seen]
    assert change[0] > 1e-3
    if name not in ("glass_blur", "elastic", "frost", "snow"):
        assert change[0] < change[1] < change[2]


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(UNCHANGED_IF_FLAT),
    st.integers(1, 5),
    st.floats(0, 1, width=32),
    st.sampled_from([GREY, COLOUR]),
)
def test_a_constant_image_is_unchanged_by_blur(name, severity, level, shape):
    flat = np.full(shape, level, np.float32)
    np.testing.assert_allclose(corrupt(KEY, name, flat, severity), flat, atol=1e-5)


def test_noise_has_the_stated_moments():
    grey = np.full((40, 50, 50, 1), 0.5, np.float32)
    deviation = lambda name, s: float(np.std(corrupt(KEY, name, grey, s)))
    # 100,000 draws: a standard error of 0.2 %
    assert deviation("gaussian_noise", 5) == pytest.approx(0.1, rel=0.01)
    assert deviation("shot_noise", 5) == pytest.approx((0.5 / 50) ** 0.5, rel=0.01)
    salted = np.asarray(corrupt(KEY, "impulse_noise", grey, 5))
    for value in (0.0, 1.0):
        assert (salted == value).mean() == pytest.approx(0.035, rel=0.05)
    assert set(np.unique(salted)) == {0.0, 0.5, 1.0}


def test_convolution_is_the_naive_sum_over_a_mirrored_image():
    image, kernel = picture(4, 5, 2), np.arange(15.0).reshape(3, 5)
    padded = np.pad(image, ((1, 1), (2, 2), (0, 0)), "symmetric")
    naive = np.zeros_like(image)
    for i in range(4):
        for j in range(5):
            window = padded[i : i + 3, j : j + 5]
            naive[i, j] = (window * kernel[::-1, ::-1, None]).sum((0, 1))
    np.testing.assert_allclose(filters.filter_image(image, kernel), naive, rtol=1e-5)


def test_gaussian_kernel_is_normal_and_0_is_the_identity():
    kernel = np.asarray(filters.gaussian(1.0, 3))
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert kernel[3, 4] / kernel[3, 3] == pytest.approx(np.exp(-0.5), rel=1e-5)
    np.testing.assert_array_equal(
        filters.gaussian(0.0, 1), np.eye(3)[1][:, None] * np.eye(3)[1]
    )


def test_defocus_at_the_largest_radius_is_a_disk():
    point = np.zeros((9, 9, 1), np.float32)
    point[4, 4] = 1
    seen = np.asarray(blur.defocus_blur(KEY, point, 1.5, 1e-3))[..., 0]
    expected = np.zeros((9, 9))
    expected[3:6, 3:6] = 1 / 9  # all within 1.5 pixels, corners at 1.41
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_motion_blur_is_one_sided_with_normal_weights():
    point = np.zeros((5, 9, 1), np.float32)
    point[2, 6] = 1
    seen = np.asarray(filters.motion_blurred(point, 2.0, 1.0, 0.0, 18.0))[2, :, 0]
    weights = np.exp(-0.5 * np.arange(3.0) ** 2)
    np.testing.assert_allclose(seen[4:7], (weights / weights.sum())[::-1], atol=1e-6)
    assert seen[7:].max() == 0 and seen[:4].max() == 0


def test_glass_blur_copies_neighbours_above_and_left():
    numbered = jnp.arange(36.0).reshape(6, 6, 1)
    seen = np.asarray(blur.glass_blur(KEY, numbered, 0.0, jnp.float32(1)))
    seen, own = np.round(seen[..., 0]), np.arange(36).reshape(6, 6)
    steps = set(np.unique(own - seen)) - {0, 1, 6, 7}
    assert steps == set() and len(np.unique(own - seen)) == 4


def test_plasma_on_the_smallest_grid_by_hand():
    """Grid 1 -> 2: the mean of four zeros, then noise; corners at 0."""
    key = jax.random.key(3)
    noise = np.asarray(jax.random.uniform(key, (4,), minval=-1.0))[1:]
    centre = noise[0]
    heights = np.array([[0, centre / 2 + noise[1]], [centre / 2 + noise[2], centre]])
    expected = (heights - heights.min()) / (heights.max() - heights.min())
    plasma = jax.jit(weather.plasma, static_argnums=1)
    np.testing.assert_allclose(plasma(key, (2, 2), 2.0), expected, atol=1e-6)
    assert plasma(key, (5, 3), 2.0).shape == (5, 3)


def test_brightness_raises_the_largest_channel_and_keeps_the_hue():
    image = np.array([[[0.2, 0.4, 0.1], [0.0, 0.0, 0.0], [0.9, 0.45, 0.0]]], np.float32)
    seen = weather.brightness(KEY, image, 0.2)
    expected = [[[0.3, 0.6, 0.15], [0.2, 0.2, 0.2], [1.0, 0.5, 0.0]]]
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_elastic_without_displacement_is_the_identity():
    image, elastic = picture(8, 11, 3), jax.jit(digital.elastic)
    np.testing.assert_allclose(elastic(KEY, image, 0.0, 0.0, 0.0), image, atol=2e-5)
    moved = elastic(KEY, image, 0.0, 0.0, 0.1)
    assert np.abs(moved - image).mean() > 0.01


@pytest.mark.parametrize(("h", "w", "c"), [(32, 32, 3), (28, 20, 1)])
@pytest.mark.parametrize("share", [0.95, 0.75, 0.65])
def test_pixelate_is_that_of_pil(h, w, c, share):
    image = as_bytes(picture(h, w, c)) / np.float32(255)
    small = pil(image).resize((int(w * share), int(h * share)), Image.Resampling.BOX)
    expected = np.asarray(small.resize((w, h), Image.Resampling.BOX)).reshape(h, w, c)
    seen = as_bytes(digital.pixelate(KEY, image, jnp.float32(share)))
    assert np.abs(seen.astype(int) - expected).max() <= 1  # it rounds on the way


@pytest.mark.parametrize(("h", "w"), [(32, 32), (28, 28), (13, 21)])
@pytest.mark.parametrize("quality", [80, 40])
def test_grey_jpeg_is_that_of_pil(h, w, quality):
    image = as_bytes(picture(h, w, 1)) / np.float32(255)
    file = io.BytesIO()
    pil(image).save(file, "JPEG", quality=quality)
    expected = np.asarray(Image.open(file)).astype(int)
    seen = as_bytes(digital.jpeg(KEY, image, jnp.float32(quality)))[..., 0]
    off = np.abs(seen - expected)
    assert off.mean() < 0.5 and np.median(off) == 0  # its transform is in integers
    assert np.abs(as_bytes(image)[..., 0] - expected).mean() > 1


def test_colour_jpeg_is_near_that_of_pil():
    tinted = picture(32, 32, 1) * np.float32([0.9, 0.7, 0.4])
    image = as_bytes(tinted) / np.float32(255)
    file = io.BytesIO()
    pil(image).save(file, "JPEG", quality=50)
    expected = np.asarray(Image.open(file)).astype(int)
    seen = as_bytes(digital.jpeg(KEY, image, jnp.float32(50))).astype(int)
    lost = np.abs(as_bytes(image) - expected).mean()
    # chroma is upsampled in another way; luminance is not
    assert np.abs(seen - expected).mean() < 0.6 * lost
    grey = np.array([0.299, 0.587, 0.114])
    assert np.abs((seen - expected) @ grey).mean() < 0.2 * lost


def test_unknown_names_and_severities_are_refused():
    images = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(InputError, match="no corruption 'rain'; there are gaussian"):
        corrupt(KEY, "rain", images, 1)
    with pytest.raises(InputError, match="severity is 6; it must be 1 to 5"):
        corrupt(KEY, "fog", images, 6)


def test_mean_corruption_error_by_hand():
    full = {name: np.full((2, 5), 0.9) for name in CORRUPTIONS}
    full["fog"] = np.ones((2, 5))  # no error: left out
    full["jpeg"] = np.stack([np.full(5, 0.7), np.full(5, 0.9)])  # 0.2 on average
    weak = {name: np.full((1, 5), 0.8) for name in CORRUPTIONS}
    expected = (13 * 2 + 1) / 14
    np.testing.assert_allclose(mean_corruption_error(weak, full), [expected])
    np.testing.assert_allclose(mean_corruption_error(full, full), 1.0, atol=0.5 / 14)
    perfect = {name: np.ones((1, 5)) for name in CORRUPTIONS}
    assert mean_corruption_error(weak, perfect) is None


def brightness_model():
    """Class 1 where the image is brighter than a threshold."""

    def apply(params, images):
        above = images.mean((1, 2, 3)) - params
        return jnp.stack([jnp.zeros_like(above), above], -1)

    return Model(lambda key: 0.0, apply, apply, lambda p, x: (apply(p, x), {}))


def test_accuracy_and_record_of_threshold_networks():
    half = (GREY[0] // 2, *GREY[1:])
    images = np.concatenate([np.full(half, v, np.float32) for v in (0.2, 0.6)])
    labels = np.repeat([0, 1], 3)
    networks = {"distilled": jnp.array([0.4, 0.22]), "full_data": jnp.array([0.4])}
    given = KEY, brightness_model(), networks
    by_name = {n: corruption_accuracy(*given, n, images, labels) for n in CONDITIONS}
    found = {p: {n: rows[p] for n, rows in by_name.items()} for p in networks}
    rows = found["distilled"]
    assert set(rows) == {"clean", *CORRUPTIONS} and rows["fog"].shape == (2, 5)
    np.testing.assert_array_equal(rows["clean"], [[1], [1]])
    # 0.2 + 0.05 passes 0.22 at once; 0.2 + 0.2 reaches 0.4 at severity 4
    np.testing.assert_array_equal(rows["brightness"][1], 0.5)
    np.testing.assert_array_equal(rows["brightness"][0][:3], 1.0)
    assert rows["brightness"][0][4] == 0.5
    summarise = lambda pipe, values: {"mean": float(values.mean()), "n": len(values)}
    part = record(found, 6, summarise)
    assert part["images"] == 6 and part["mce"]["full_data"]["mean"] == 1.0
    assert part["mce"]["distilled"]["mean"] > 1
    assert part["distilled"]["brightness"][0] == {"mean": 0.75, "n": 2}
    assert len(part["full_data"]["jpeg"]) == 5
