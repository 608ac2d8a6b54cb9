"""Private distribution matching: what is released, and what steps see of the rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.distill.base import Releases, blank
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.private import class_releases, mechanisms
from dd_jax.distill.private.class_releases import (
    batch_of,
    class_sums,
    noisy_means,
)
from dd_jax.distill.private.public_features import network_key, public_features
from dd_jax.distill.private.release_matching import release_matching
from dd_jax.models import build
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import array_digest
from dd_jax.train.many import Schedule
from dd_jax.train.private.ledger import Ledger, composed
from dd_jax.types import InputError, Split

pytest.importorskip("dp_accounting")
pytest.importorskip("jax_privacy")
MODEL = build("convnet", 3, (4, 4, 1), mean=(0.5,), std=(0.25,), width=2, depth=1)


def rows(n=20, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    return Split(images, np.arange(n, dtype=np.int32) % 3)


def shifted(key, images):
    """An augmentation: all images get brighter by the same amount."""
    return images + jax.random.uniform(key)


def features(data, number):
    images = data.images / np.float32(255)
    return np.asarray(public_features(MODEL, number, images, shifted))


SIZE = features(rows(), 0).shape[1]


@pytest.mark.slow
def test_features_are_those_of_augmented_images_from_the_mean_of_noise():
    """The formula, an image at a time, with the noise that the number gives."""
    images, key = rows().images[:3] / np.float32(255), network_key(5)
    params = MODEL.init(key)
    one = lambda image: np.asarray(MODEL.features(params, image[None])[0])
    brighter = jax.random.uniform(named(key, "augment"))
    noise = 0.5 + 0.25 * jax.random.normal(named(key, "noise"), (64, 4, 4, 1))
    centre = np.mean([one(image + brighter) for image in noise], 0)
    expected = [one(image + brighter) - centre for image in images]
    got = public_features(MODEL, 5, images, shifted)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_noise_is_at_the_origin_and_releases_have_augmentations_of_their_own():
    noise = np.random.default_rng(0).normal(0.5, 0.25, (4000, 4, 4, 1))
    noise = noise.astype(np.float32)
    unaugmented = lambda key, images: images
    size = np.linalg.norm(public_features(MODEL, 1, noise, unaugmented), axis=1)
    mean = np.linalg.norm(public_features(MODEL, 1, noise, unaugmented).mean(0))
    assert mean < 4 * np.mean(size) / np.sqrt(64)  # the centre is a mean of 64
    level = [jax.random.uniform(named(network_key(r), "augment")) for r in range(3)]
    assert len({float(v) for v in level}) == 3


@pytest.mark.parametrize("at_once", [20, 7])
def test_sums_equal_a_loop(at_once):
    data = rows()
    expected = np.zeros((3, SIZE))
    for vector, label in zip(features(data, 2), data.labels):
        expected[label] += vector * min(1, 0.5 / np.linalg.norm(vector))
    got = class_sums(MODEL, 2, data, 3, 0.5, at_once, shifted)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**16), st.integers(0, 19), st.sampled_from([0.05, 2.0]))
def test_one_row_changes_all_sums_by_no_more_than_the_clip(seed, at, clip):
    data = rows(seed=seed)
    keep = np.arange(20) != at
    less = Split(data.images[keep], data.labels[keep])
    whole, without = (
        class_sums(MODEL, 0, d, 3, clip, 20, shifted) for d in (data, less)
    )
    assert np.linalg.norm(whole - without) <= clip * (1 + 1e-4)


def test_the_noise_has_the_scale_of_the_ledger():
    data, wanted = rows(), Releases(200, 2.0, 30.0)
    ledger = Ledger()
    noise = []
    for number in range(wanted.count):
        means = noisy_means(
            MODEL, wanted, number, jax.random.key(1), data, 3, ledger, shifted
        )
        sums = class_sums(MODEL, number, data, 3, wanted.clip, 20, shifted)
        noise.append(means * np.bincount(data.labels)[:, None] - sums)
    n = np.size(noise)
    assert np.std(noise) == pytest.approx(60, rel=4 / np.sqrt(2 * n))
    assert abs(np.mean(noise)) < 4 * 60 / np.sqrt(n)
    assert composed(ledger.entries) == mechanisms(wanted)


def test_rows_take_part_on_their_own_with_the_given_probability():
    drawn = [batch_of(jax.random.key(3), r, 100, 0.2)[0] for r in range(400)]
    counts = np.bincount(np.concatenate(drawn), minlength=100)
    within = 4.5 * np.sqrt(400 * 0.2 * 0.8)
    assert (abs(counts - 80) < within).all()
    sizes = np.array([len(rows) for rows in drawn])  # binomial: variance n q (1 - q)
    assert np.var(sizes) == pytest.approx(16, rel=4 * np.sqrt(2 / 400))
    both = sum(0 in rows and 1 in rows for rows in drawn)
    assert abs(both - 16) < 4 * np.sqrt(400 * 0.04 * 0.96)
    most = batch_of(jax.random.key(3), 0, 100, 0.2)[1]
    assert (sizes > most).mean() < 0.01


@pytest.mark.slow
def test_the_mean_of_a_batch_of_is_that_of_all_rows_on_average():
    data, wanted = rows(), Releases(600, 2.0, 1e-6, 0.3)
    ledger = Ledger()
    means = [
        noisy_means(MODEL, wanted, 0, jax.random.key(r), data, 3, ledger, shifted)
        for r in range(wanted.count)
    ]
    sums = class_sums(MODEL, 0, data, 3, wanted.clip, 20, shifted)
    expected = np.asarray(sums) / np.bincount(data.labels)[:, None]
    error = np.std(means, 0) / np.sqrt(len(means))
    assert (abs(np.mean(means, 0) - expected) < 4.5 * error + 1e-5).all()
    assert composed(ledger.entries) == mechanisms(wanted)


@pytest.mark.slow
def test_steps_take_the_releases_in_turn():
    wanted = Releases(3, 1.0, 0.5)
    method = release_matching(MODEL, ipc=1, releases=wanted)
    real = blank((4, 4, 1), 3)._replace(released=jnp.zeros((3, 3, SIZE)))
    state = method.init(jax.random.key(0), real)
    seen = []
    for level in range(4):  # of all releases but the one that is due
        due = jnp.arange(3)[:, None, None] == level % 3
        given = jnp.where(due, jnp.full((3, 3, SIZE), 0.1), jnp.nan)
        drawn = method.sample(jax.random.key(0), real._replace(released=given))
        state, info = method.update(jax.random.key(0), state, drawn)
        seen.append(float(info["loss"]))
    assert np.isfinite(seen).all()


def test_a_key_draws_noise_once():
    ledger = Ledger()
    draw = lambda: ledger.release(
        jax.random.key(0), jnp.zeros(2), sensitivity=1.0, noise_multiplier=1.0
    )
    draw()
    with pytest.raises(InputError, match="has drawn noise before"):
        draw()
    assert len(ledger.entries) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"sensitivity": 0.0},
        {"noise_multiplier": 0.0},
        {"noise_multiplier": np.inf},
        {"sampling": 0.0},
        {"sampling": 1.5},
        {"total": jnp.array([np.nan])},
    ],
)
def test_a_release_that_breaks_the_accounting_is_refused(changed):
    values = {"total": jnp.zeros(1), "sensitivity": 1.0, "noise_multiplier": 1.0}
    with pytest.raises(InputError):
        Ledger().release(jax.random.key(0), **(values | changed))


def test_steps_depend_on_the_rows_through_what_was_released_alone():
    wanted = Releases(3, 1.0, 0.5)
    method = release_matching(MODEL, ipc=2, releases=wanted)
    released = np.random.default_rng(0).normal(size=(3, 3, SIZE)).astype(np.float32)

    def set_of(data, seen=None):
        def release(key, idx, given):
            assert given == wanted
            return released if seen is None else seen

        member = np.ones((1, len(data.labels)), bool)
        keys = stack(jax.random.key(0), 1)
        return distil_many(
            method, keys, data, member, Schedule(20, 5), experts=release
        )[0]

    one, same = set_of(rows()), set_of(rows(seed=1))
    np.testing.assert_array_equal(one.images, same.images)
    other = set_of(rows(), released + 1)
    assert not np.allclose(one.images, other.images)


@pytest.mark.slow
def test_the_set_comes_to_have_the_means_that_were_released():
    wanted = Releases(4, 1.0, 0.01)
    data = rows(60)
    ledger = Ledger()
    released = np.stack(
        [
            noisy_means(MODEL, wanted, r, jax.random.key(1), data, 3, ledger, shifted)
            for r in range(4)
        ]
    )
    method = release_matching(MODEL, ipc=2, releases=wanted, augment=shifted, lr=0.05)
    member = np.ones((1, 60), bool)
    far = []
    for steps in (0, 300):
        found, _ = distil_many(
            method,
            stack(jax.random.key(0), 1),
            data,
            member,
            Schedule(steps, 50),
            experts=lambda *_: released,
        )
        images = np.asarray(found.images[0]).reshape(3, 2, 4, 4, 1)
        vectors = [
            public_features(MODEL, r, images.reshape(6, 4, 4, 1), shifted)
            for r in range(4)
        ]
        means = [
            np.asarray(class_releases.clipped(v, 1.0)).reshape(3, 2, -1).mean(1)
            for v in vectors
        ]
        far.append(np.square(np.stack(means) - released).sum())
    assert far[1] < 0.2 * far[0]


def test_a_class_without_rows_releases_noise_alone():
    some = rows()
    data = Split(some.images[some.labels < 2], some.labels[some.labels < 2])
    wanted = Releases(1, 1.0, 0.5)
    means = noisy_means(MODEL, wanted, 0, jax.random.key(1), data, 3, Ledger(), shifted)
    assert means.shape == (3, SIZE) and np.isfinite(means).all()


def test_a_state_that_saw_other_noise_is_not_continued():
    wanted = Releases(2, 1.0, 0.5)
    method = release_matching(MODEL, ipc=1, releases=wanted)
    seen = []

    def loop(advance, state, *, inputs, **schedule):
        seen.append(inputs)
        return advance(state, 0, 1)[0], 0.0

    for level in (0.0, 1.0):
        released = np.full((2, 3, SIZE), level, np.float32)
        distil_many(
            method,
            stack(jax.random.key(0), 1),
            rows(),
            np.ones((1, 20), bool),
            Schedule(1, 1),
            loop,
            experts=lambda *_, given=released: given,
        )
    assert array_digest(seen[0]) != array_digest(seen[1])
