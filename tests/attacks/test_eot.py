"""Attacks on randomised models average the stated number of draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS
from dd_jax.attacks.apgd import auto_pgd
from dd_jax.attacks.constraints import l2
from dd_jax.attacks.eot import drawn_logits

SHAPE, SIZE, CLASSES = (2, 3, 1), 6, 3
W = np.random.default_rng(0).normal(size=(SIZE, CLASSES)).astype(np.float32)


@pytest.fixture
def noisy():
    """A linear model that draws its weights, and `(point, weights)` of all draws."""
    seen = []

    def logits_fn(key, images):
        weights = W + jax.random.normal(key, W.shape)
        note = lambda *drawn: seen.append([np.array(a, float) for a in drawn])
        jax.debug.callback(note, images.reshape(len(images), -1), weights)
        return (images.reshape(len(images), -1) - 0.5) @ weights

    return logits_fn, seen


def by_point(seen):
    """The weights drawn at each batch of points: `{bytes: (points, [weights])}`."""
    jax.effects_barrier()
    groups = {}
    for points, weights in seen:
        groups.setdefault(points.tobytes(), (points, []))[1].append(weights)
    return list(groups.values())


def test_draws_differ_and_have_the_given_number():
    random = lambda key, images: images + jax.random.normal(key, images.shape)
    logits = np.asarray(drawn_logits(random, 7)(jax.random.key(0), jnp.zeros((2, 3))))
    assert logits.shape == (7, 2, 3) and len(np.unique(logits)) == 42
    plain = drawn_logits(lambda images: 2 * images, 0)(
        jax.random.key(0), jnp.ones((2, 3))
    )
    np.testing.assert_array_equal(plain, np.full((1, 2, 3), 2.0))


def test_step_uses_the_mean_gradient_and_margin_of_the_mean_logits(noisy):
    logits_fn, seen = noisy
    x, label, eps, count = np.full((1, *SHAPE), 0.5, np.float32), 1, 0.1, 6
    run = auto_pgd(l2(eps), "ce", steps=1, eot=count).run_once
    found, score = jax.jit(run, static_argnums=1)(
        jax.random.key(0), logits_fn, x, np.array([label]), np.int32(0)
    )
    (start, first), (end, second) = by_point(seen)
    assert len(first) == len(second) == count
    gradient, leads = np.zeros(SIZE), []
    for weights in first:
        chances = np.exp((start[0] - 0.5) @ weights)
        chances /= chances.sum()
        gradient += weights @ (chances - np.eye(CLASSES)[label]) / count
    delta = start[0] - 0.5 + 2 * eps * gradient / np.linalg.norm(gradient)
    delta *= min(1, eps / np.linalg.norm(delta))
    np.testing.assert_allclose(end[0], 0.5 + delta, atol=1e-5)
    for points, drawn in ((start, first), (end, second)):
        logits = np.mean([(points[0] - 0.5) @ weights for weights in drawn], 0)
        leads.append(np.delete(logits, label).max() - logits[label])
    assert float(score[0]) == pytest.approx(max(leads), abs=1e-5)
    best = (start, end)[int(np.argmax(leads))]
    np.testing.assert_allclose(np.ravel(found), best[0], atol=1e-6)


@pytest.mark.slow
def test_version_rand_takes_20_draws_at_each_point(noisy):
    logits_fn, seen = noisy
    image = (0.5 + 0.2 * W[:, 0]).reshape(1, *SHAPE).clip(0, 1)
    attack = ATTACKS["autoattack"](eps=1e-3, version="rand", steps=1, batch=1)
    attack(jax.random.key(0), logits_fn, image, np.array([0]))
    groups = by_point(seen)
    # the clean image, then start and step of two components
    assert len(groups) == 1 + 2 * 2
    for _, weights in groups:
        assert len(weights) == len(np.unique(weights, axis=0)) == 20
