"""What holds for every attack of the registry, in each of its norms."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax import catalogue
from dd_jax.attacks import ATTACKS

N, H, W, C, K = 7, 4, 3, 1, 3
EPS = np.array([0.0, 0.1, 0.4, 2.0], np.float32)
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}
QUICK = {
    "autoattack": {"steps": 3, "queries": 3, "batch": 8},
    "cw_l2": {"steps": 20, "searches": 3},
}
CASES = [
    (found.name, {"norm": norm} if norm else {})
    for found in catalogue.entries("attack")
    for norm in found.traits.get("words", {}).get("norm", [None])
]


def settings_of(name, norm):
    few = {"steps": 6} if "steps" in inspect.signature(ATTACKS[name]).parameters else {}
    return few | QUICK.get(name, {}) | norm


@pytest.fixture(scope="module")
def toy():
    """A small MLP, images with pixels at both ends of the box, and labels."""
    rng = np.random.default_rng(0)
    first = jnp.asarray(rng.normal(size=(H * W * C, 16)) / 2, jnp.float32)
    second = jnp.asarray(rng.normal(size=(16, K)), jnp.float32)

    def logits_fn(images):
        return jnp.tanh((images.reshape(len(images), -1) - 0.5) @ first) @ second

    images = np.clip(rng.uniform(-0.3, 1.3, (N, H, W, C)), 0, 1).astype(np.float32)
    return logits_fn, images, np.asarray(logits_fn(images).argmax(-1))


def marked(name, norm):
    """L1 and AutoAttack compile longest; APGD in L2 is tested on one of its losses."""
    again = name in ("apgd_dlr", "apgd_t") and norm == {"norm": "l2"}
    slow = again or name == "autoattack" or norm == {"norm": "l1"}
    return pytest.param(name, norm, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("name, norm", [marked(*case) for case in CASES])
def test_laws(name, norm, toy):
    logits_fn, images, labels = toy
    settings = settings_of(name, norm)
    make = lambda eps: ATTACKS[name](eps=eps, **settings)
    attack = make(0.0)

    def run(key):
        if attack.on_host:
            every = [make(eps)(key, logits_fn, images, labels) for eps in EPS]
            return np.stack(every)
        return compiled(key, EPS)

    at = lambda key, eps: make(eps)(key, logits_fn, images, labels)
    compiled = jax.jit(jax.vmap(at, (None, 0)))
    curve = np.asarray(run(jax.random.key(2)))
    np.testing.assert_array_equal(curve, run(jax.random.key(2)))
    assert curve.shape == (4, N, H, W, C)
    np.testing.assert_array_equal(curve[0], images)
    assert curve.min() >= 0 and curve.max() <= 1
    delta = (curve.astype(np.float64) - images).reshape(4, N, -1)
    distance = np.linalg.norm(delta, ORDER[attack.ball.name], axis=-1)
    assert (distance <= EPS[:, None] + 1e-6).all()
    right = np.asarray(jax.vmap(logits_fn)(curve)).argmax(-1) == labels
    counts = right.sum(1)
    assert counts[0] == N and (np.diff(counts) <= 0).all() and counts[3] < N
