"""APGD, FAB, DeepFool and CW against the closed forms of linear models."""

from itertools import accumulate

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS, describe
from dd_jax.attacks.boundary import _final_search
from dd_jax.attacks.constraints import l1, linf
from dd_jax.attacks.schedules import Progress, decreasing_intervals, halving, sparse
from dd_jax.types import InputError

N, SHAPE = 6, (5, 3, 1)
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}
DUAL = {"linf": 1, "l2": 2, "l1": np.inf}


def linear(classes):
    """Linear model, images well inside the box, and their labels."""
    rng = np.random.default_rng(classes)
    w = rng.normal(size=(15, classes)).astype(np.float32)
    images = rng.uniform(0.3, 0.7, (N, *SHAPE)).astype(np.float32)
    logits_fn = lambda x: (x.reshape(len(x), -1) - 0.5) @ w
    return logits_fn, w, images, np.asarray(logits_fn(images).argmax(-1))


def distance_to_boundary(toy, norm):
    logits_fn, w, images, labels = toy
    z = np.asarray(logits_fn(images), np.float64)
    gaps = []
    for row, y in zip(z, labels, strict=True):
        others = [k for k in range(w.shape[1]) if k != y]
        lengths = [np.linalg.norm(w[:, y] - w[:, k], DUAL[norm]) for k in others]
        gaps.append(min((row[y] - row[others]) / lengths))
    return np.array(gaps)


@pytest.mark.parametrize(
    ("name", "norm", "classes", "worst"),
    [
        ("deepfool", "linf", 4, 1.04),
        ("fab_t", "linf", 2, 1.005),
        ("fab_t", "l1", 4, 1.005),
        ("cw_l2", "l2", 3, 1.05),
    ],
)
def test_least_distance_of_a_linear_model(name, norm, classes, worst):
    toy = logits_fn, _, images, labels = linear(classes)
    if name == "cw_l2":
        settings = {"steps": 100, "searches": 8, "learning_rate": 0.01}
    else:
        settings = {"norm": norm, "steps": 40}
    attack = ATTACKS[name](eps=0.0, **settings)
    found, distance = jax.jit(attack.minimise, static_argnums=1)(
        jax.random.key(0), logits_fn, images, labels
    )
    exact = distance_to_boundary(toy, norm)
    assert (np.asarray(distance) >= 0.999 * exact).all()
    assert (np.asarray(distance) <= worst * exact + 3e-3).all()
    assert (np.asarray(logits_fn(found)).argmax(-1) != labels).all()
    delta = (np.asarray(found, np.float64) - images).reshape(N, -1)
    np.testing.assert_allclose(
        np.linalg.norm(delta, ORDER[norm], axis=1), distance, rtol=1e-4, atol=1e-6
    )


def test_minimal_attacks_leave_misclassified_images_at_distance_0():
    logits_fn, _, images, labels = linear(3)
    wrong = (labels + 1) % 3
    attack = ATTACKS["deepfool"](eps=1.0, steps=2)
    found, distance = attack.minimise(jax.random.key(0), logits_fn, images, wrong)
    np.testing.assert_array_equal(found, images)
    assert not np.any(distance)


@pytest.mark.parametrize(
    ("name", "norm"), [("apgd_ce", "linf"), ("apgd_dlr", "l2"), ("apgd_ce", "l1")]
)
def test_apgd_reaches_the_best_margin_of_two_linear_classes(name, norm):
    logits_fn, w, images, labels = linear(2)
    eps = 0.05 if norm != "l1" else 0.15
    attack = ATTACKS[name](eps=eps, norm=norm, steps=50)
    attacked = jax.jit(attack.run, static_argnums=1)(
        jax.random.key(0), logits_fn, images, labels
    )
    lead = lambda x: np.diff(np.asarray(logits_fn(x)))[:, 0] * np.where(labels, -1, 1)
    rise = lead(np.asarray(attacked)) - lead(images)
    best = eps * np.linalg.norm(w[:, 1] - w[:, 0], DUAL[norm])
    assert (rise <= best + 1e-4).all() and (rise >= 0.98 * best).all()


@pytest.mark.parametrize(
    ("name", "norm", "classes"), [("apgd_t", "linf", 3), ("apgd_t", "l2", 4)]
)
def test_apgd_breaks_exactly_the_examples_within_eps(name, norm, classes):
    toy = logits_fn, _, images, labels = linear(classes)
    exact = distance_to_boundary(toy, norm)
    eps = float(np.median(exact))
    attack = ATTACKS[name](eps=eps, norm=norm, steps=30)
    attacked = jax.jit(attack.run, static_argnums=1)(
        jax.random.key(0), logits_fn, images, labels
    )
    robust = np.asarray(logits_fn(attacked)).argmax(-1) == labels
    np.testing.assert_array_equal(robust, exact > eps)


@pytest.mark.parametrize(
    ("steps", "checkpoints"),
    [
        (100, [22, 41, 57, 70, 80, 87, 93, 99]),
        (50, [11, 21, 30, 38, 45]),
        (20, [4, 7, *range(9, 21)]),
        (10, [*range(2, 11)]),
        (1, [1]),
    ],
)
def test_checkpoints_have_the_golden_values(steps, checkpoints):
    assert list(accumulate(decreasing_intervals(steps))) == checkpoints


def test_step_size_halves_where_the_loss_rarely_increases():
    rule = halving(linf(0.1))
    state = rule.init(jnp.zeros(SHAPE), jnp.float32(1.0))
    assert float(state.size) == pytest.approx(0.2)

    def interval(state, increases, best):
        for i in range(4):
            seen = Progress(jnp.bool_(i < increases), best, 0.0, i == 3, 4)
            state, to_best = rule.adapt(state, seen)
        return state, bool(to_best)

    state, to_best = interval(state, 4, 2.0)  # increases throughout
    assert not to_best and float(state.size) == pytest.approx(0.2)
    state, to_best = interval(state, 4, 2.0)  # increases, but the best stays
    assert to_best and float(state.size) == pytest.approx(0.1)
    state, to_best = interval(state, 4, 2.0)  # not twice in a row for that reason
    assert not to_best and float(state.size) == pytest.approx(0.1)
    state, to_best = interval(state, 3, 3.0)  # 75 % is too rare
    assert to_best and float(state.size) == pytest.approx(0.05)


def test_sparse_step_returns_to_the_best_point_where_the_support_shrinks():
    rule = sparse(l1(2.0))
    delta = jnp.zeros(SHAPE).at[:4].set(0.1)  # 12 of 15 pixels
    state = rule.init(delta, jnp.float32(0.0))
    assert float(state.size) == 2.0 and float(state.share) == pytest.approx(0.8 / 1.5)
    step = rule.step(state, jnp.arange(1.0, 16.0).reshape(SHAPE))
    assert int((step != 0).sum()) == 8 and float(jnp.abs(step).sum()) == 2.0

    def check(state, support, due=True):
        seen = Progress(jnp.bool_(True), 0.0, jnp.float32(support), jnp.bool_(due), 2)
        state, to_best = rule.adapt(state, seen)
        return state, bool(to_best)

    assert check(state, 6, due=False) == (state, False)
    state, to_best = check(state, 12)  # as wide as before
    assert not to_best and float(state.size) == pytest.approx(2 / 1.5)
    state, to_best = check(state, 6)
    assert to_best and float(state.size) == 2.0
    assert float(state.share) == pytest.approx(6 / 15 / 1.5)
    for _ in range(9):
        state, _ = check(state, 6)
    assert float(state.size) == pytest.approx(0.2)


def test_settings_of_adaptive_attacks_are_described_and_checked():
    row = describe("apgd_ce", 0.1, norm="l2")
    assert row["norm"] == "l2" and row["step_size"] == pytest.approx(0.2)
    assert describe("square", 0.1)["step_size"] is None
    with pytest.raises(InputError, match="norm is 'l1'; this attack has"):
        ATTACKS["deepfool"](eps=0.1, norm="l1")
    for name in ("apgd_ce", "fab_t", "deepfool", "cw_l2", "square", "autoattack"):
        with pytest.raises(InputError, match="steps=0"):
            ATTACKS[name](eps=0.1, steps=0)


def test_final_search_finds_the_boundary_on_the_line():
    """Margin `s^2 - 0.3` along the way: the crossing lies at sqrt(0.3) = 0.548."""
    images, found = jnp.zeros((2, 1, 1, 1)), jnp.ones((2, 1, 1, 1))
    margins_of = lambda points: points[:, 0, 0, 0] ** 2 - jnp.array([0.3, 2.0])
    share = np.asarray(_final_search(margins_of, images, found))
    assert np.sqrt(0.3) < share[0] <= np.sqrt(0.3) + 2**-8
    assert share[1] == 1.0  # never adversarial: left as it is
