import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dd_jax.attacks import ATTACKS
from dd_jax.attacks.ensemble import _batches, _plan
from dd_jax.types import InputError

QUICK = {"steps": 5, "queries": 4, "batch": 8}
WHOLE = QUICK | {"batch": 11}
KEY = jax.random.key(0)


def linear(w, images):
    return (images.reshape(len(images), -1) - 0.5) @ w


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(6, 2)).astype(np.float32)
    images = rng.uniform(0.3, 0.7, (11, 2, 3, 1)).astype(np.float32)
    return w, images, np.asarray(linear(w, images).argmax(-1))


def linf_distance(w, images):
    gap = np.abs(np.diff(np.asarray(linear(w, images)))[:, 0])
    return gap / np.abs(w[:, 1] - w[:, 0]).sum()


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (5, [4, 1]), (41, [16, 16, 4, 4, 1]), (16, [16])]
)
def test_batches_cover_all_rows_in_few_sizes(count, sizes):
    rows = 10 * np.arange(count)
    parts = _batches(rows, 16)
    assert [len(padded) for _, padded in parts] == sizes
    np.testing.assert_array_equal(np.concatenate([p for p, _ in parts] + [[]]), rows)
    # no size below 64 / 16: the rest is padded
    ((part, padded),) = _batches(np.arange(3), 64)
    assert len(padded) == 4 and set(padded) == set(part)


@pytest.mark.slow
def test_linear_classes_are_broken_exactly_within_eps_by_few_programs(toy):
    """One program for each component and size, also of other networks."""
    w, images, labels = toy
    distance = linf_distance(w, images)
    eps = float(np.median(distance) * 1.001)
    traces = []

    def counted(w, images):
        traces.append(len(images))
        return linear(w, images)

    run = lambda w: ATTACKS["autoattack"](eps=eps, **QUICK)(
        KEY, Partial(counted, w), images, labels
    )
    attacked = run(w)
    broken = np.asarray(linear(w, attacked).argmax(-1)) != labels
    np.testing.assert_array_equal(broken, distance < eps)
    np.testing.assert_array_equal(attacked[~broken], images[~broken])
    assert set(traces) <= {8, 2, 1}
    once = len(traces)
    run(w)
    run(2 * w)
    assert len(traces) == once


def test_plans_of_all_versions():
    names = lambda *given: [name for name, *_ in _plan(*given, 100, 5000)]
    assert names("linf", "standard") == ["apgd_ce", "apgd_t", "fab_t", "square"]
    assert names("linf", "plus") == [
        "apgd_ce",
        "apgd_dlr",
        "fab",
        "square",
        "apgd_t",
        "fab_t",
    ]
    settings = {name: dict(given) for name, _, given in _plan("l1", "standard", 9, 8)}
    assert settings["apgd_ce"] == {"steps": 9, "restarts": 5}
    assert settings["apgd_t"]["targets"] == 5 and settings["square"]["steps"] == 8


@pytest.mark.slow
def test_version_plus_runs_all_components(toy):
    w, images, labels = toy
    attacked = ATTACKS["autoattack"](eps=1e-4, version="plus", **WHOLE)(
        KEY, Partial(linear, w), images, labels
    )
    np.testing.assert_array_equal(attacked, images)


@pytest.mark.slow
def test_version_rand_averages_the_draws_of_a_random_model(toy):
    w, images, labels = toy

    def noisy(w, key, images):
        noise = jax.random.normal(key, (len(images), 2))
        return linear(w, images) + 0.1 * noise

    attacked = ATTACKS["autoattack"](eps=0.3, version="rand", **WHOLE)(
        KEY, Partial(noisy, w), images, labels
    )
    # nearer to the boundary the noise may misclassify the clean image, which stays
    sure = linf_distance(w, images) > 0.02
    assert sure.sum() == 5
    assert (np.asarray(linear(w, attacked)).argmax(-1) != labels)[sure].all()
    assert np.abs(attacked - images).max() <= 0.3 + 1e-6


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="version is 'fast'; it is one of"):
        ATTACKS["autoattack"](eps=0.1, version="fast")
    with pytest.raises(InputError, match="batch=0; each must be 1 or more"):
        ATTACKS["autoattack"](eps=0.1, batch=0)
    assert jnp.isfinite(ATTACKS["autoattack"](eps=0.1).ball.eps)


def test_pixels_outside_the_box_are_refused():
    attack = ATTACKS["autoattack"](eps=0.1)
    images = np.full((2, 2, 2, 1), 20, np.float32)
    with pytest.raises(InputError, match="divide 8-bit pixels by"):
        attack(jax.random.key(0), lambda x: x[:, 0, 0, :2], images, np.zeros(2, int))


def test_probabilities_and_labels_without_an_output_are_refused(toy):
    w, images, labels = toy
    attack = ATTACKS["autoattack"](eps=0.1, **QUICK)
    softmax = lambda w, images: jax.nn.softmax(linear(w, images))
    with pytest.raises(InputError, match="attacks need logits"):
        attack(KEY, Partial(softmax, w), images, labels)
    with pytest.raises(InputError, match="are 0 to 2; the model .* has outputs 0"):
        attack(KEY, Partial(linear, w), images, np.where(labels, 2, labels))


def test_targeted_attack_crosses_every_boundary_of_three_classes():
    """Classes in a row along one direction; a boundary to the next at 0.056."""
    rng = np.random.default_rng(0)
    images = np.full((12, 4, 4, 1), 0.5, np.float32)
    labels = np.repeat(np.arange(3), 4)
    push = rng.choice([-1.0, 1.0], 16)
    centres = np.array([-0.9, 0.0, 0.9])
    images += (0.9 * (labels - 1) / 16)[:, None, None, None] * push.reshape(4, 4, 1)

    def logits_fn(batch):
        along = (batch.reshape(len(batch), -1) - 0.5) @ push
        return -jnp.square(along[:, None] - centres)

    assert (logits_fn(images).argmax(-1) == labels).all()
    for eps, left in ((0.02, 1.0), (0.035, 0.0)):  # half of 0.9 / 16 is 0.028
        attack = ATTACKS["apgd_t"](eps=eps, steps=20)
        found = attack(jax.random.key(1), logits_fn, images, labels)
        assert (logits_fn(found).argmax(-1) == labels).mean() == left
