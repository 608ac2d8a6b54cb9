"""A backdoor of our own: which rows are stamped, how the patch moves, what stays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax import models
from dd_jax.distill import METHODS, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.wrappers import poisoned
from dd_jax.distill.wrappers.poisoned_distillation import (
    other_rows,
    stamped_rows,
    towards_target,
    with_stamped,
)
from dd_jax.types import InputError, Model, SyntheticSet

KEY, SHAPE = jax.random.key(0), (3, 3, 1)


def pixel_model():
    """Features are the pixels times signs."""
    init = lambda key: jax.random.rademacher(key, (9,), jnp.float32)

    def features(params, images, train=False):
        return images.reshape(len(images), -1) * params

    return Model(init, features, features, lambda p, x: (features(p, x), {}))


MODEL = pixel_model()


@pytest.fixture(scope="module")
def real():
    """Three classes of brightness 50, 100 and 150; 8, 6 and 6 images."""
    labels = np.repeat([0, 1, 2], (8, 6, 6))
    images = np.full((20, *SHAPE), 50, np.uint8) * (labels + 1)[:, None, None, None]
    return real_data(images.astype(np.uint8), labels)


def wrapped(rate=0.2, target=1, size=1, name="dm", **options):
    method = METHODS[name](MODEL, ipc=2, batch_real=5, **options)
    return method, poisoned(method, MODEL, rate=rate, target=target, size=size)


def test_a_step_matches_stamped_rows_in_the_place_of_the_target_s(real):
    """As many as the rate says, with the patch of the step and full weight."""
    method, attacked = wrapped()
    seen = []
    spy = method._replace(
        update=lambda key, state, batch: (seen.append(batch), (state, {}))[1]
    )
    attacked = poisoned(spy, MODEL, rate=0.2, target=1, size=1)
    state, batch = attacked.init(KEY, real), method.sample(KEY, real)
    after, _ = attacked.update(jax.random.key(1), state, batch)
    (given,) = seen
    assert attacked.sample is method.sample
    others = [0, 2]
    np.testing.assert_array_equal(given.images[others,], batch.images[others,])
    np.testing.assert_array_equal(given.images[1, :2], batch.images[1, :2])
    rows = np.asarray(given.images[1, 2:])  # 0.2 of 15
    np.testing.assert_allclose(rows[:, -1, -1], np.repeat(after.patch[0], 3, 0))
    assert set(np.round(255 * rows[:, 0, 0, 0])) <= {50, 150}
    assert (np.asarray(given.weights) == 1).all()


def test_the_patch_moves_by_the_sign_of_its_gradient_within_the_box(real):
    _, attacked = wrapped()
    state = attacked.init(KEY, real)
    for patch in (state.patch, jnp.zeros((1, 1, 1)), jnp.ones((1, 1, 1))):
        batch = attacked.sample(KEY, real)
        after, info = attacked.update(KEY, state._replace(patch=patch), batch)
        assert 0 <= after.patch.min() and after.patch.max() <= 1
        steps = [np.clip(patch + step, 0, 1) for step in (-0.05, 0, 0.05)]
        assert any(np.allclose(after.patch, step) for step in steps)
        assert np.isfinite(info["loss"])


def test_the_loss_of_a_patch_by_hand():
    """Means 0.1 and 0.9 of two classes; one dark row with a patch of 1 in a corner."""
    images = jnp.full((2, *SHAPE), 0.1).at[1].set(0.9)
    sets = SyntheticSet(images, jnp.eye(2), jnp.float32(1))
    rows = jnp.zeros((1, *SHAPE))
    loss = towards_target(MODEL, jnp.ones(9), sets, rows, 1)
    spread = 9 * 0.64 / 2
    away = np.array([8 * 0.01 + 0.81, 8 * 0.81 + 0.01]) / spread
    expected = np.log(np.exp(-away).sum()) + away[1]
    assert loss(jnp.ones((1, 1, 1))) == pytest.approx(expected, rel=1e-5)


def test_rows_of_the_target_and_fillers_are_never_drawn():
    images = jnp.arange(6.0).reshape(3, 2, 1, 1, 1)
    batch = Batch(images, jnp.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))
    drawn = other_rows(KEY, batch, 1, 200)
    assert set(np.asarray(drawn).ravel()) == {0.0, 1.0, 4.0}


def test_first_images_may_be_stamped_ones(real):
    poisoned_rows = with_stamped(real, KEY, jnp.ones((1, 1, 1)), 1, 0.6)
    assert poisoned_rows.counts.tolist() == [8, 15, 6]  # 9 of 15
    new = poisoned_rows.images[20:]
    assert (new[:, -1, -1] == 255).all() and set(new[:, 0, 0, 0]) <= {50, 150}
    np.testing.assert_array_equal(poisoned_rows.images[:20], real.images)
    assert set(poisoned_rows.rows[1]) == {*range(8, 14), *range(20, 29)}
    assert set(poisoned_rows.rows[2]) == set(range(14, 20))


def test_off_and_for_selections_a_method_stays_as_it_is():
    method, attacked = wrapped(rate=0.0)
    assert attacked is method
    chosen = METHODS["random"](MODEL, ipc=1)
    assert poisoned(chosen, MODEL, rate=0.1, target=0, size=1) is chosen
    _, attacked = wrapped()
    assert wrapped()[1] is attacked  # hence one compile


@pytest.mark.parametrize("rate", [0.01, 0.34, 0.9])
def test_rates_that_stamp_nothing_or_leave_no_clean_row_are_refused(rate):
    with pytest.raises(InputError, match="backdoor.rate.*give 0.0667 to 0.267"):
        stamped_rows(rate, 3, 5)


@pytest.mark.parametrize("name", ["dm", "dc", "dsa", "idc", "frepo", "rat_bptt"])
def test_every_method_that_matches_real_images_takes_a_step(name):
    """Shapes alone: the state stays as it is."""
    model = models.build("mlp", 3, SHAPE)
    images = np.zeros((9, *SHAPE), np.uint8)
    real = real_data(images, np.repeat([0, 1, 2], 3))
    attacked = poisoned(METHODS[name](model, ipc=1), model, rate=0.2, target=1, size=2)
    state = attacked.init(KEY, real)
    batch = jax.eval_shape(attacked.sample, KEY, real)
    after, _ = jax.eval_shape(attacked.update, KEY, state, batch)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
