"""Choice of real images: hand-computed cases, naive loops and laws of all choosers."""

import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data.choosers import herding, kcenter, kmeans, random
from dd_jax.distill import INITS, METHODS, real_data
from dd_jax.distill.methods import selection
from dd_jax.distill.methods.selection import choose
from dd_jax.distill.parametrisation.pixels import pixels
from dd_jax.models.normalisation import standard_space
from dd_jax.types import InputError

SEEDS = st.integers(0, 2**16)

CHOOSERS = {
    name: getattr(selection, name)
    for name in ("random", "herding", "kcenter", "kmeans")
}
SPACE = standard_space((0.3,), (0.2,))


def line(*values):
    return np.float32(values)[:, None]


def cloud(seed, n=15, d=3):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def toy(counts=(7, 4, 5), seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    images = rng.integers(0, 256, (len(labels), 4, 4, 1), dtype=np.uint8)
    return images, labels


def naive_herding(points, count):
    points, chosen = points.astype(np.float64), []
    for _ in range(count):
        best, least = None, np.inf
        for i in range(len(points)):
            if i in chosen:
                continue
            gap = points.mean(0) - points[[*chosen, i]].mean(0)
            if gap @ gap < least:
                best, least = i, gap @ gap
        chosen.append(best)
    return chosen


def naive_kcenter(points, count):
    points = points.astype(np.float64)
    apart = lambda a, b: np.sqrt(((a - b) ** 2).sum())
    chosen = [int(np.argmin([apart(p, points.mean(0)) for p in points]))]
    while len(chosen) < count:
        cover = [min(apart(p, points[j]) for j in chosen) for p in points]
        chosen.append(int(np.argmax(cover)))
    return chosen


def test_herding_by_hand():
    # mean 4: first 3 (at 1 from it), then 4.5 = (3 + 6) / 2, then 10 / 3 = 3.33
    assert herding(None, line(0, 1, 3, 6, 10), 3).tolist() == [2, 3, 1]


def test_kcenter_by_hand():
    # mean 4: first 3, then 10 (at 7), then 0 (at 3; 6 is at 3 too, but later)
    assert kcenter(None, line(0, 1, 3, 6, 10), 3).tolist() == [2, 4, 0]


def test_kmeans_by_hand():
    points = line(0.0, 0.1, 0.25, 9.0, 9.2, 9.3)
    chosen = kmeans(np.random.default_rng(0), points, 2)
    # centres 0.117 and 9.167
    assert sorted(chosen.tolist()) == [1, 4]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_kmeans_fills_up_with_the_farthest_row_when_centres_share_one():
    points = line(0, 0, 0, 5, 7)
    chosen = kmeans(np.random.default_rng(0), points, 4)
    assert len(set(chosen.tolist())) == 4
    assert {3, 4} <= set(chosen.tolist())


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 15))
def test_herding_equals_a_naive_loop(seed, count):
    points = cloud(seed)
    assert herding(None, points, count).tolist() == naive_herding(points, count)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 15))
def test_kcenter_equals_a_naive_loop(seed, count):
    points = cloud(seed)
    assert kcenter(None, points, count).tolist() == naive_kcenter(points, count)


def test_random_choice_is_uniform():
    chooser = random
    rng = np.random.default_rng(0)
    rows = np.concatenate([chooser(rng, cloud(0, n=8), 2) for _ in range(2000)])
    deviation = np.sqrt(2000 * 1 / 4 * 3 / 4)
    assert np.abs(np.bincount(rows, minlength=8) - 500).max() < 4 * deviation


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["random", "herding", "kcenter", "kmeans"])
def test_each_row_is_chosen_once_even_among_equal_points(name):
    points = np.repeat(cloud(1, n=3), 3, 0)
    for count in (1, 5, 9):
        chosen = getattr(selection, name)(np.random.default_rng(0), points, count)
        assert len(set(chosen.tolist())) == count
        assert set(chosen.tolist()) <= set(range(9))


@pytest.mark.parametrize("name", ["random", "herding", "kcenter", "kmeans"])
@pytest.mark.parametrize("ipc", [1, 3, 4])
def test_choose_keeps_to_members_and_class(name, ipc):
    images, labels = toy()
    members = np.ones(len(labels), bool)
    members[np.flatnonzero(labels == 0)[:2]] = False
    real = real_data(images, labels, members)
    rows = choose(jax.random.key(0), real, getattr(selection, name), ipc)
    assert rows.shape == (3, ipc)
    assert members[rows].all()
    np.testing.assert_array_equal(labels[rows], np.arange(3)[:, None].repeat(ipc, 1))
    assert all(len(set(row)) == ipc for row in rows.tolist())


@pytest.mark.parametrize("name", ["random", "herding", "kcenter", "kmeans"])
def test_choose_as_many_as_the_class_has(name):
    images, labels = toy((4, 4))
    rows = choose(
        jax.random.key(0), real_data(images, labels), getattr(selection, name), 4
    )
    assert [set(row) for row in rows.tolist()] == [
        set(np.flatnonzero(labels == c).tolist()) for c in (0, 1)
    ]


@pytest.mark.parametrize("name", ["herding", "kcenter", "kmeans"])
def test_choice_does_not_depend_on_brightness_and_contrast(name):
    images, labels = toy()
    half = (images // 2).astype(np.uint8)
    doubled = half * 2
    key = jax.random.key(0)
    first, second = (
        choose(key, real_data(x, labels), getattr(selection, name), 3)
        for x in (half, doubled)
    )
    np.testing.assert_array_equal(first, second)


def test_choose_follows_its_key():
    real = real_data(*toy((30, 30)))
    first, again, other = (
        choose(jax.random.key(i), real, random, 5).tolist() for i in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("name", ["random", "herding", "kcenter", "kmeans"])
def test_a_class_with_too_few_images_is_refused(name):
    with pytest.raises(InputError) as error:
        choose(jax.random.key(0), real_data(*toy()), getattr(selection, name), 5)
    assert str(error.value) == (
        "distill.ipc is 5, but class 1 has 4 training images; lower ipc to at most 4"
    )


@pytest.mark.parametrize("name", ["random", "herding", "kcenter", "kmeans"])
def test_selection_methods_read_back_real_images(name):
    images, labels = toy()
    real = real_data(images, labels)
    method = METHODS[name](None, ipc=3)
    assert not method.steps
    synthetic = method.read(method.init(jax.random.key(2), real))
    rows = choose(jax.random.key(2), real, getattr(selection, name), 3).ravel()
    got = np.asarray(synthetic.images)
    np.testing.assert_array_equal(got, images[rows] / np.float32(255))
    np.testing.assert_array_equal(np.argmax(synthetic.labels, 1), labels[rows])


@pytest.mark.parametrize("init", sorted(set(INITS) - {"noise", "balanced", "public"}))
@pytest.mark.parametrize("ipc", [1, 4])
def test_pixels_start_from_real_images(init, ipc):
    images, labels = toy((4, 6))
    parametrisation = pixels(ipc, init, optax.sgd(1.0), space=SPACE)
    key, real = jax.random.key(0), real_data(images, labels)
    theta = parametrisation.init(key, real)["images"]
    assert theta.shape == (2, ipc, 4, 4, 1) and theta.dtype == np.float32
    rows = choose(
        key, real, getattr(selection, "random" if init == "real" else init), ipc
    )
    decoded = np.asarray(parametrisation.decode({"images": theta}).images)
    np.testing.assert_allclose(decoded, images[rows] / 255, atol=1e-6)


def test_noise_has_the_moments_of_a_standard_normal_in_normalised_space():
    images, labels = toy()
    parametrisation = pixels(200, "noise", optax.sgd(1.0), space=SPACE)
    theta = parametrisation.init(jax.random.key(0), real_data(images, labels))
    theta = theta["images"]
    assert theta.shape == (3, 200, 4, 4, 1)  # more than a class has
    x, n = np.asarray(theta, np.float64).ravel(), theta.size
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / n)
    decoded = np.asarray(parametrisation.decode({"images": theta}).images)
    np.testing.assert_allclose(decoded.ravel(), 0.3 + 0.2 * x, atol=1e-6)
