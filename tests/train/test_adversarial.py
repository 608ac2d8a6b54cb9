"""Adversarial training: closed forms of a linear network, and what it buys."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS
from dd_jax.data import load
from dd_jax.models import build
from dd_jax.train import adversary, fit, trainer
from dd_jax.types import InputError, Model

KEY = jax.random.key(0)


def linear_model():
    """Two classes, `logits = (0, w . x)`."""

    def apply(params, images):
        score = images.reshape(len(images), -1) @ params["w"]
        return jnp.stack([jnp.zeros_like(score), score], -1)

    init = lambda key: {"w": jnp.array([1.0, -2.0, 0.5, 3.0])}
    return Model(init, apply, None, lambda params, x: (apply(params, x), {}))


LINEAR = linear_model()


def problem():
    images = np.random.default_rng(0).uniform(0.3, 0.7, (5, 2, 2, 1))
    return images.astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]


def naive(images, labels, w, eps):
    """FGSM in the box: against the label, by the sign of the weights."""
    away = np.where(labels[:, 1] > 0.5, -1, 1)[:, None] * np.sign(w)
    inside = np.clip(images, 0, 1)
    attacked = np.clip(inside + eps * away.reshape(images.shape), 0, 1)
    return images + attacked - inside


def test_a_step_sees_the_attacked_batch_alone():
    images, labels = problem()
    w = np.array([1.0, -2.0, 0.5, 3.0])
    perturb = adversary(LINEAR, ATTACKS["fgsm"](0.05))
    one = trainer(LINEAR, batch=8, momentum=0.0, weight_decay=0.0, perturb=perturb)
    state, loss = one.advance(
        KEY,
        one.init(KEY),
        *map(jnp.asarray, (images, labels)),
        jnp.arange(5),
        0.1,
        1,
        0,
        1,
    )
    x = naive(images, labels, w, 0.05).reshape(5, 4).astype(np.float64)
    p = 1 / (1 + np.exp(-x @ w))
    expected = -np.log(np.where(labels[:, 1] > 0.5, p, 1 - p)).mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    gradient = ((p - labels[:, 1])[:, None] * x).mean(0)
    np.testing.assert_allclose(state.params["w"], w - 0.1 * gradient, rtol=1e-5)


def test_pixels_outside_the_box_keep_their_excess():
    images, labels = problem()
    images[:, 0, 0] += 0.6
    images[:, 1, 1] -= 0.7
    params = LINEAR.init(KEY)
    perturb = adversary(LINEAR, ATTACKS["fgsm"](0.05))
    seen = np.asarray(perturb(KEY, params, images, labels))
    np.testing.assert_allclose(
        seen, naive(images, labels, np.asarray(params["w"]), 0.05), atol=1e-6
    )
    assert np.abs(seen - images).max() <= 0.05 + 1e-6


def test_soft_labels_are_attacked_at_their_most_likely_class():
    images, labels = problem()
    params = LINEAR.init(KEY)
    perturb = adversary(LINEAR, ATTACKS["fgsm"](0.05))
    soft = 0.3 + 0.4 * labels
    hard = perturb(KEY, params, images, labels)
    np.testing.assert_array_equal(perturb(KEY, params, images, soft), hard)


def test_epochs_may_be_divided_into_calls():
    images, labels = map(jnp.asarray, problem())
    perturb = adversary(LINEAR, ATTACKS["pgd_linf"](0.05, steps=2))
    one = trainer(LINEAR, batch=2, perturb=perturb)
    advance = jax.jit(one.advance)
    go = lambda state, first, last: advance(
        KEY, state, images, labels, jnp.arange(5), 0.1, 4, first, last
    )[0]
    whole, start = go(one.init(KEY), 0, 4), one.init(KEY)
    np.testing.assert_array_equal(
        go(go(start, 0, 1), 1, 4).params["w"], whole.params["w"]
    )


@pytest.mark.slow
def test_it_buys_robust_accuracy():
    """Plain training falls to PGD at Linf 0.1 where adversarial training stands."""
    digits = load("digits")
    model = build("mlp", 10, (8, 8, 1), mean=digits.mean, std=digits.std)
    train, test = digits.train, digits.test
    images = test.images[:200] / np.float32(255)
    attack = ATTACKS["pgd_linf"](0.1, steps=10)
    perturb = adversary(model, ATTACKS["pgd_linf"](0.1, steps=3))
    labels = test.labels[:200]

    @jax.jit
    def robust_accuracy(params):
        logits_fn = lambda x: model.apply(params, x)
        seen = attack(KEY, logits_fn, images, labels)
        return (logits_fn(seen).argmax(-1) == labels).mean()

    learn = partial(fit, KEY, model, train.images, train.labels, epochs=20, batch=64)
    plain, adversarial = (robust_accuracy(learn(perturb=p)) for p in (None, perturb))
    # 200 images: a standard error of 3.5 %
    assert adversarial > plain + 0.1


def test_an_attack_of_the_host_is_refused():
    with pytest.raises(InputError, match="runs on the host; take one such as pgd_linf"):
        adversary(LINEAR, ATTACKS["autoattack"](0.1))
