"""Fair distillation against its formulas in NumPy, and the laws that forms keep."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.catalogue.rules import FAIR_FORMS
from dd_jax.distill import METHODS, real_data
from dd_jax.distill.base import Batch, draw_rows
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.wrappers import fair, robust
from dd_jax.distill.wrappers.group_dro import exponentiated
from dd_jax.distill.wrappers.group_means import equal_groups
from dd_jax.models import build
from dd_jax.runtime.device_programs import over_devices
from dd_jax.train.many import Schedule
from dd_jax.types import Model, Split

SLOW = pytest.mark.slow  # gradient matching takes seconds to compile
NAMES = pytest.mark.parametrize("name", ["dm", pytest.param("dsa", marks=SLOW)])
KEY, SHAPE = jax.random.key(0), (2, 2, 1)
LABELS = np.repeat([0, 1], (12, 9)).astype(np.int32)
GROUPS = np.array([0] * 8 + [1] * 3 + [2] + [0] * 2 + [2] * 7, np.int32)


def feature_model():
    """Features are the pixels times the parameters; `init` draws signs."""
    init = lambda key: jax.random.rademacher(key, (4,), jnp.float32)

    def features(params, images, train=False):
        return images.reshape(len(images), -1) * params

    return Model(init, features, features, lambda p, x: (features(p, x), {}))


PIXELS = feature_model()
MLP = build("mlp", 2, SHAPE, mean=(0.4,), std=(0.3,))


def images():
    rng = np.random.default_rng(0)
    bright = 40 * GROUPS + 60 * LABELS
    noise = rng.integers(0, 60, (len(LABELS), *SHAPE))
    return (noise + bright[:, None, None, None]).astype(np.uint8)


def rows(groups=GROUPS):
    return real_data(images(), LABELS, groups=groups)


def plain(name, **options):
    inner = {"outer_steps": 2, "net_epochs": 1} if name == "dsa" else {}
    model = PIXELS if name == "dm" else MLP
    return METHODS[name](model, ipc=1, batch_real=8, init="noise", **inner, **options)


def made(name, form, over="groups", eta=0.05, groups=3, **options):
    model = PIXELS if name == "dm" else MLP
    method = plain(name, **options)
    return fair(method, model, form=form, over=over, eta=eta, groups=groups)


@functools.cache
def first_step(name, form=None, one_group=False, **options):
    """`step` of a method, by a form, on all groups or one."""
    method = made(name, form, **options) if form else plain(name, **options)
    return step(method, rows(np.full_like(GROUPS, 7) if one_group else GROUPS))


def step(method, real, key=KEY, state=None):
    """Images before and after a step, its batch and its `info`."""

    def one(state):
        batch = method.sample(key, real)
        return batch, *method.update(key, state, batch)

    state = method.init(KEY, real) if state is None else state
    batch, after, info = jax.jit(one)(state)
    read = lambda state: np.asarray(method.read(state).images, np.float64)
    return read(state), read(after), getattr(batch, "match", batch), info, after


def means(batch, by_group):
    """Naive means in NumPy of the pixels, of each class or of each group of it."""
    pixels = np.asarray(batch.images, np.float64).reshape(*batch.images.shape[:2], -1)
    ids = np.asarray(batch.groups)
    each = [
        [pixels[c][ids[c] == g].mean(0) for g in np.unique(ids[c])] for c in range(2)
    ]
    return each if by_group else [np.mean(groups, 0) for groups in each]


@pytest.mark.parametrize("form", ["balanced", "barycentre", "fairdd"])
def test_losses_of_dm_in_numpy(form):
    ours, _, batch, info, _ = first_step("dm", form)
    found = means(batch, by_group=form == "fairdd")
    ours = ours.reshape(2, -1)  # features are these, up to signs
    expected = sum(np.square(r - s).sum() for r, s in zip(found, ours))
    np.testing.assert_allclose(info["loss"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "name, options",
    [("dm", {}), pytest.param("dsa", {"distance": "squared"}, marks=SLOW)],
    ids=["dm", "dsa"],
)
def test_the_gradient_of_fairdd_is_that_of_the_barycentre_times_groups(name, options):
    """`sum_g |r_g - s|^2 = G |r - s|^2 + sum_g |r_g - r|^2`, r the mean of the r_g."""
    first, summed, batch, _, _ = first_step(name, "fairdd", **options)
    _, centred, _, _, _ = first_step(name, "barycentre", **options)
    count = [len(np.unique(ids)) for ids in np.asarray(batch.groups)]
    assert max(count) > 1
    by_count = np.reshape(count, (2, 1, 1, 1)) * (centred - first)
    np.testing.assert_allclose(summed - first, by_count, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("form", FAIR_FORMS)
@NAMES
def test_with_one_group_every_form_is_the_method(name, form):
    before, after, _, _, _ = first_step(name, one_group=True)
    _, found, _, _, _ = first_step(name, form, one_group=True, groups=1)
    np.testing.assert_allclose(found, after, rtol=1e-5, atol=1e-6)
    assert (after != before).any()


@pytest.mark.parametrize("form", FAIR_FORMS)
def test_ids_of_groups_have_no_part(form):
    renamed = np.array([9, 2, 5])[GROUPS]
    ours, named = first_step("dm", form)[1], step(made("dm", form), rows(renamed))[1]
    np.testing.assert_allclose(ours, named, rtol=1e-5)


def test_weights_of_group_dro_by_hand():
    log_q = jnp.log(jnp.array([0.5, 0.5]))
    q = jnp.exp(exponentiated(log_q, jnp.array([1.0, 2.0]), 0.01))
    np.testing.assert_allclose(q, [0.4975, 0.5025], atol=1e-6)


def test_dro_over_groups_in_numpy():
    """Two steps; a group that a class lacks counts nothing."""
    method, q = made("dm", "dro", eta=0.3), np.full((2, 3), 1 / 3)
    has = np.array([[True, True, True], [True, False, True]])
    state = None
    for key in jax.random.split(KEY, 2):
        ours, _, batch, info, state = step(method, rows(), key, state)
        found, losses = means(batch, by_group=True), np.zeros((2, 3))
        for c in range(2):
            distances = np.square(found[c] - ours.reshape(2, -1)[c]).sum(-1)
            losses[c, has[c]] = distances
        used = np.where(has, q, 0) / np.where(has, q, 0).sum(1, keepdims=True)
        np.testing.assert_allclose(info["loss"], (used * losses).sum(), rtol=1e-5)
        q = q * np.exp(0.3 * losses)
        q /= q.sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(state.log_q), q, rtol=1e-5)


@NAMES
def test_dro_over_classes_needs_no_groups(name):
    method = made(name, "dro", "classes", eta=0.01, groups=0)
    _, first, _, info, state = step(method, rows(None))
    _, after, _, usual, _ = first_step(name)
    np.testing.assert_allclose(first, after, rtol=1e-5, atol=1e-6)  # q is uniform
    np.testing.assert_allclose(info["loss"], usual["loss"], rtol=1e-5)
    expected = np.exp(0.01 * info["terms"])
    expected /= expected.sum()
    np.testing.assert_allclose(np.exp(state.log_q), expected, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=10, max_size=10), st.sampled_from((3, 8)))
def test_a_batch_takes_strata_in_turn(strata, size):
    strata = np.array(strata, np.int32)
    real = real_data(np.zeros((len(strata), 1, 1, 1), np.uint8), 0 * strata)
    found, weights = draw_rows(KEY, real._replace(strata=strata), size)
    assert weights.sum() == size and len(np.unique(found[0])) == size
    taken = np.bincount(strata[found[0]], minlength=4)
    left = np.bincount(strata, minlength=4) - taken
    for a in range(4):  # no stratum has two more than one with rows left
        assert all(taken[a] <= taken[b] + 1 for b in range(4) if left[b])


def test_one_stratum_changes_no_draw():
    real = rows()
    one = real._replace(strata=np.zeros(len(LABELS), np.int32))
    for plain_part, found in zip(draw_rows(KEY, real, 8), draw_rows(KEY, one, 8)):
        np.testing.assert_array_equal(plain_part, found)


def test_fillers_have_no_weight_in_any_group():
    batch = Batch(None, jnp.array([[1.0, 1.0, 1.0, 0.0]]), jnp.array([[0, 0, 1, 1]]))
    assert equal_groups(batch, 2).weights.tolist() == [[0.75, 0.75, 1.5, 0.0]]


def test_groups_follow_the_rows_of_a_shadow():
    """Groups of rows that a set is not made from decide nothing."""
    member = np.zeros((1, len(LABELS)), bool)
    member[0, 1::2] = True
    changed = np.where(member[0], GROUPS, np.roll(GROUPS, 5))
    assert (changed != GROUPS).any()
    method = made("dm", "fairdd")

    def distilled(groups):
        data = Split(images(), LABELS, groups)
        sets, _ = distil_many(method, KEY[None], data, member, Schedule(2, 2))
        return np.asarray(sets.images)

    found = distilled(GROUPS)
    np.testing.assert_array_equal(found, distilled(changed))
    assert (found != distilled(np.roll(GROUPS, 5))).any()


@pytest.mark.parametrize(
    "name, form", [("dm", "dro"), pytest.param("dsa", "fairdd", marks=SLOW)]
)
def test_two_devices_learn_what_one_does(name, form):
    method, real = made(name, form), rows()
    batch = jax.jit(method.sample)(KEY, real)
    arguments = KEY, method.init(KEY, real), batch
    two = over_devices(method.update, jax.devices()[:2], "pmap")
    found, expected = two(*arguments), jax.jit(method.update)(*arguments)
    chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-6)


def test_attacked_images_are_balanced_too():
    method = made("dm", "fairdd")
    attacked = robust(plain("dm"), PIXELS, eps=0.05, steps=2)
    both = fair(attacked, PIXELS, form="fairdd", over="groups", eta=0.1, groups=3)
    key = jax.random.split(KEY, 3)[0]  # of the draw that is attacked
    clean, found = method.sample(key, rows()), both.sample(KEY, rows())
    np.testing.assert_array_equal(found.weights, clean.weights)
    assert 0 < np.abs(found.images - clean.images).max() <= 0.05 + 1e-6


def test_off_is_the_method_itself():
    method = plain("dm")
    off = fair(method, PIXELS, form="none", over="groups", eta=0.1, groups=0)
    assert off is method
    chosen = METHODS["random"](PIXELS, ipc=1)
    given_ = dict(form="balanced", over="groups", eta=0.1, groups=3)
    assert fair(chosen, PIXELS, **given_) is chosen
    assert fair(method, PIXELS, **given_) is fair(method, PIXELS, **given_)
