"""Foolbox as an independent oracle: the same model, the same images, the same radii."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS

foolbox = pytest.importorskip("foolbox")

N, K = 60, 3
TOLERANCE = 0.05  # 3 of 60 images: random starts and step-size conventions


@pytest.fixture(scope="module")
def toy():
    """A small MLP on clustered images, most of them right."""
    rng = np.random.default_rng(0)
    first = jnp.asarray(rng.normal(size=(16, 12)) / 2, jnp.float32)
    second = jnp.asarray(rng.normal(size=(12, K)), jnp.float32)
    logits_fn = lambda x: jnp.tanh((x.reshape(len(x), -1) - 0.5) @ first) @ second
    images = jnp.asarray(rng.uniform(0.1, 0.9, (N, 4, 4, 1)), jnp.float32)
    labels = logits_fn(images).argmax(-1)
    return logits_fn, images, labels


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "eps"),
    [
        ("pgd_linf", {}, ("LinfPGD", {"rel_stepsize": 0.125, "steps": 20}), 0.05),
        ("pgd_l2", {}, ("L2PGD", {"rel_stepsize": 0.125, "steps": 20}), 0.2),
        ("deepfool", {}, ("L2DeepFoolAttack", {"steps": 50}), 0.2),
        (
            "cw_l2",
            {"steps": 60, "searches": 6},
            (
                "L2CarliniWagnerAttack",
                {
                    "steps": 60,
                    "binary_search_steps": 6,
                    "stepsize": 0.05,
                    "initial_const": 0.01,
                },
            ),
            0.2,
        ),
        (
            "mim",
            {},
            ("LinfMomentumIterativeFastGradientMethod", {"rel_stepsize": 0.1}),
            0.05,
        ),
    ],
)
def test_robust_accuracy_agrees_with_foolbox(name, ours, theirs, eps, toy):
    logits_fn, images, labels = toy
    other, settings = theirs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = foolbox.models.JAXModel(jax.jit(logits_fn), bounds=(0, 1))
        attack = getattr(foolbox.attacks, other)(**settings)
        minimal = ATTACKS[name](eps=eps, **ours).minimise is not None
        # given a radius, foolbox shortens a distance-minimising attack's result to it
        given = None if minimal else eps
        _, found, success = attack(model, images, labels, epsilons=given)
    moved = np.linalg.norm(np.asarray(found - images).reshape(N, -1), axis=1)
    broken = np.asarray(success) & ((moved <= eps) | (not minimal))
    expected = 1 - float(broken.mean())
    attacked = jax.jit(ATTACKS[name](eps=eps, **ours).run, static_argnums=1)(
        jax.random.key(0), logits_fn, images, labels
    )
    measured = float((logits_fn(attacked).argmax(-1) == labels).mean())
    assert 0.05 < expected < 0.95, "the example must separate attacks"
    assert measured == pytest.approx(expected, abs=TOLERANCE)
