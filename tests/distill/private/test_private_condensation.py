"""Private condensation: what its steps see of the rows, and the noise they add."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.distill.base import Releases, real_data
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.methods.condensation import inner_loop_of
from dd_jax.distill.methods.distances import cosine
from dd_jax.distill.methods.gradient_matching import mean_gradient
from dd_jax.distill.private import private_condensation as module
from dd_jax.distill.private.private_condensation import private_condensation
from dd_jax.models import build
from dd_jax.runtime.keys import stack
from dd_jax.train.many import Schedule
from dd_jax.train.training import unchanged
from dd_jax.types import InputError, Split

pytest.importorskip("jax_privacy")
MODEL = build("convnet", 3, (4, 4, 1), mean=(0.5,), std=(0.25,), width=2, depth=1)
SECRET = np.array([1, 2], np.uint32)


def rows(n=24, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    return Split(images, np.arange(n, dtype=np.int32) % 3)


def distilled(method, data, secret=SECRET, steps=4):
    member = np.ones((1, len(data.labels)), bool)
    keys = stack(jax.random.key(0), 1)
    loop = Schedule(steps, 2)
    sets, _ = distil_many(method, keys, data, member, loop, experts=lambda *_: secret)
    return np.asarray(sets.images)


def private(noise_multiplier, clip=1.0, sampling=0.5, **options):
    releases = Releases(4, clip, noise_multiplier, sampling, in_steps=True)
    return private_condensation(MODEL, ipc=1, releases=releases, **options)


@pytest.mark.slow
def test_a_step_descends_the_distance_to_the_gradient_of_the_rows():
    method, data = private(1e-9, clip=1e3, sampling=1.0, lr=0.5), rows()
    key, real = jax.random.key(1), real_data(data.images, data.labels)
    real = real._replace(secret=jnp.asarray(SECRET))
    state = method.init(key, real)
    after, info = method.update(key, state, method.sample(key, real))

    net = inner_loop_of(MODEL, 1, 0, 0, unchanged).init(jax.random.split(key)[0]).params
    gradient = lambda images, labels: mean_gradient(
        MODEL, net, images, labels, jnp.ones(len(images))
    )
    target = gradient(data.images / np.float32(255), np.eye(3)[data.labels])
    before = method.read(state)
    distance = lambda images: cosine(gradient(images, before.labels), target)
    loss, slope = jax.value_and_grad(distance)(before.images)
    np.testing.assert_allclose(info["loss"], loss, rtol=1e-4)
    moved = method.read(after).images - before.images
    scale = 0.25**2  # images are learned divided by their standard deviation
    np.testing.assert_allclose(moved, -0.5 * scale * slope, rtol=1e-3, atol=1e-6)
    assert after.releases == 1


@pytest.mark.slow
def test_rows_reach_the_set_through_the_noisy_gradient_alone(monkeypatch):
    def nothing(model, **settings):
        like = model.trainable(model.init(jax.random.key(0)))
        return lambda key, params, rows: (like, jnp.float32(0))

    monkeypatch.setattr(module, "noisy_gradient", nothing)
    made = private_condensation.__wrapped__
    releases = Releases(4, 1.0, 2.0, 0.5, in_steps=True)
    one, other = (
        distilled(made(MODEL, ipc=1, releases=releases), rows(seed=seed))
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_another_secret_draws_other_noise_and_the_same_one_the_same():
    method, data = private(3.0), rows()
    one, same = distilled(method, data), distilled(method, data)
    other = distilled(method, data, np.array([1, 3], np.uint32))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.slow
def test_every_step_draws_noise_of_its_own(monkeypatch):
    seen = []
    plain = module.noisy_gradient

    def watched(model, **settings):
        released = plain(model, **settings)

        def call(key, params, rows):
            jax.debug.callback(
                lambda k: seen.append(tuple(k.tolist())), jax.random.key_data(key)
            )
            return released(key, params, rows)

        return call

    monkeypatch.setattr(module, "noisy_gradient", watched)
    releases = Releases(4, 1.0, 2.0, 0.5, in_steps=True)
    method = private_condensation.__wrapped__(MODEL, ipc=1, releases=releases)
    distilled(method, rows(), steps=4)
    jax.effects_barrier()
    assert len(seen) == len(set(seen)) == 4


def test_batch_statistics_are_refused():
    model = build(
        "convnet",
        3,
        (4, 4, 1),
        mean=(0.5,),
        std=(0.25,),
        width=2,
        depth=1,
        norm="batch",
    )
    releases = Releases(4, 1.0, 2.0, 0.5, in_steps=True)
    with pytest.raises(InputError, match="batch statistics"):
        private_condensation(model, ipc=1, releases=releases)
