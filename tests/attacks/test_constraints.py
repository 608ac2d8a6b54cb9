import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.attacks.constraints import ball_of, into_box, l1, l2, linf
from dd_jax.attacks.objectives import (
    LOSSES,
    dlr,
    margin,
    targeted_dlr,
    wrong_classes,
)
from dd_jax.types import InputError

SHAPE = (3, 2, 1)
RADII = st.sampled_from([0.0, 1e-3, 0.1, 0.7, 3.0])
SEEDS = st.integers(0, 2**16)


def norm_of(name, delta):
    flat = np.asarray(delta, np.float64).ravel()
    return np.linalg.norm(flat, {"linf": np.inf, "l2": 2, "l1": 1}[name])


@pytest.mark.parametrize("make", [linf, l2, l1])
@settings(max_examples=10, deadline=None)
@given(eps=RADII, seed=SEEDS, size=st.sampled_from([0.0, 1e-3, 1.0, 50.0]))
def test_projection_is_the_nearest_point_of_ball(make, eps, seed, size):
    rng = np.random.default_rng(seed)
    delta = (size * rng.normal(size=SHAPE)).astype(np.float32)
    ball = make(eps)
    projected = np.asarray(ball.project(delta))
    assert norm_of(ball.name, projected) <= eps + 1e-6
    if norm_of(ball.name, delta) <= eps:
        np.testing.assert_allclose(projected, delta, rtol=1e-6)
    # (delta - P) makes an obtuse angle with every other point of a convex set
    for seed_of_point in range(3):
        other = ball.sample(jax.random.key(seed_of_point), SHAPE)
        inner = np.sum((delta - projected) * (np.asarray(other) - projected))
        assert inner <= 1e-4 * max(size, 1)


@pytest.mark.parametrize("make", [linf, l2, l1])
@settings(max_examples=10, deadline=None)
@given(eps=RADII, seed=SEEDS)
def test_sample_is_in_ball_and_box_after_projection(make, eps, seed):
    key = jax.random.key(seed)
    image = jax.random.uniform(jax.random.fold_in(key, 1), SHAPE)
    ball = make(eps)
    delta = ball.sample(key, SHAPE)
    assert norm_of(ball.name, delta) <= eps + 1e-6
    cut = ball.within(2 * delta, image)
    assert norm_of(ball.name, cut) <= eps + 1e-6
    attacked = np.asarray(image + cut)
    assert attacked.min() >= -1e-6 and attacked.max() <= 1 + 1e-6


@settings(max_examples=20, deadline=None)
@given(eps=RADII, seed=SEEDS, size=st.sampled_from([0.1, 1.0, 50.0]))
def test_within_l1_is_the_nearest_point_of_ball_and_box(eps, seed, size):
    rng = np.random.default_rng(seed)
    delta = (size * rng.normal(size=SHAPE)).astype(np.float32)
    image = rng.uniform(size=SHAPE).astype(np.float32)
    ball = l1(eps)
    nearest = np.asarray(ball.within(delta, image))
    for key in jax.random.split(jax.random.key(seed), 3):
        other = np.asarray(into_box(ball.sample(key, SHAPE), image))
        inner = np.sum((delta - nearest) * (other - nearest))
        assert inner <= 1e-4 * max(size, 1)


def test_unknown_norm_is_refused():
    with pytest.raises(InputError, match=r"norm is 'l3'; this attack has \['l1', "):
        ball_of("l3", 0.1)


def test_l1_samples_are_uniform():
    keys = jax.random.split(jax.random.key(1), 4000)
    inside = jax.vmap(lambda k: l1(0.5).sample(k, (1, 2, 1)))(keys)
    radius = np.abs(np.asarray(inside)).sum((1, 2, 3))
    # P(|u|_1 < t eps) = t^2 in the plane; 4 standard errors
    for t in (0.3, 0.6, 0.9):
        error = 4 * np.sqrt(t**2 * (1 - t**2) / 4e3)
        assert abs((radius < 0.5 * t).mean() - t**2) < error


def test_samples_fill_the_ball_uniformly():
    keys = jax.random.split(jax.random.key(0), 4000)
    shape = (1, 2, 1)
    cube = np.asarray(jax.vmap(lambda k: linf(0.5).sample(k, shape))(keys)).ravel()
    disc = np.asarray(jax.vmap(lambda k: l2(0.5).sample(k, shape))(keys))
    radius = np.sqrt((disc**2).sum((1, 2, 3)))
    # P(|u| < t eps) = t in the cube, P(r < t eps) = t^2 in the disc; 4 standard errors
    for t in (0.3, 0.6, 0.9):
        assert abs((np.abs(cube) < 0.5 * t).mean() - t) < 4 * np.sqrt(t * (1 - t) / 8e3)
        q = t**2
        assert abs((radius < 0.5 * t).mean() - q) < 4 * np.sqrt(q * (1 - q) / 4e3)
    assert abs(disc.mean()) < 4 * 0.25 / np.sqrt(8e3)


@pytest.mark.parametrize("make", [linf, l2, l1])
def test_steepest_has_unit_norm_and_the_dual_norm_as_slope(make):
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=SHAPE), jnp.float32)
    ball = make(0.1)
    step = ball.steepest(gradient)
    dual = norm_of({"linf": "l1", "l2": "l2", "l1": "linf"}[ball.name], gradient)
    np.testing.assert_allclose(norm_of(ball.name, step), 1.0, rtol=1e-6)
    np.testing.assert_allclose(jnp.vdot(step, gradient), dual, rtol=1e-5)


@pytest.mark.parametrize("make", [linf, l2, l1])
def test_steepest_of_tiny_and_of_zero_gradient(make):
    ball = make(0.1)
    tiny = ball.steepest(jnp.full(SHAPE, 1e-30))
    np.testing.assert_allclose(norm_of(ball.name, tiny), 1.0, rtol=1e-6)
    assert not ball.steepest(jnp.zeros(SHAPE)).any()


@pytest.mark.parametrize("make", [linf, l2, l1])
def test_negative_radius_is_refused(make):
    with pytest.raises(InputError, match="eps is -0.1; it must be 0 or more"):
        make(-0.1)


def test_losses_have_the_golden_values():
    logits = jnp.array([2.0, 1.0, 0.5, -1.0])
    # -log of the softmax (.60946004, .22420782, .13598892, .03034323)
    golden = [0.495183, 1.495183, 1.995183, 3.495183]
    for label in range(4):
        assert float(LOSSES["ce"](logits, label)) == pytest.approx(
            golden[label], abs=1e-5
        )
    assert [float(margin(logits, y)) for y in range(4)] == [-1.0, 1.0, 1.5, 3.0]
    assert float(margin(jnp.array([0.25, 1.0]), 1)) == -0.75


def test_ratios_have_the_golden_values_and_become_margins_for_few_classes():
    logits = jnp.array([2.0, 1.0, 0.5, -1.0])
    golden = {0: -0.666667, 1: 0.666667, 3: 2.0}
    for label, value in golden.items():
        assert float(dlr(logits, label)) == pytest.approx(value, abs=1e-6)
    assert float(targeted_dlr(logits, 0, 1)) == pytest.approx(-0.444444, abs=1e-6)
    assert float(targeted_dlr(logits, 0, 3)) == pytest.approx(-1.333333, abs=1e-6)
    # three classes and two: the plain difference
    assert float(targeted_dlr(logits[:3], 0, 1)) == -1.0
    assert float(targeted_dlr(logits[:3], 0, 2)) == -1.5
    assert float(targeted_dlr(logits[:2], 0, 1)) == float(dlr(logits[:2], 0)) == -1.0
    assert wrong_classes(logits, 2, 3).tolist() == [0, 1, 3]


@pytest.mark.parametrize("eps", [1.0, 10.0, 60.0, 150.0])
def test_l1_ball_holds_in_spite_of_rounding_over_many_pixels(eps):
    shape = 20, 28, 28, 1
    images = jax.random.uniform(jax.random.key(0), shape)
    delta = jax.random.normal(jax.random.key(1), shape)
    within = jax.jit(jax.vmap(l1(eps).within))
    found = images + within(delta, images)
    moved = np.float64(found) - np.float64(images)
    distance = np.abs(moved).sum((1, 2, 3))
    assert (distance <= eps + 1e-6).all() and (distance > eps * (1 - 1e-5)).all()
