"""Sets with more images of some classes than of others."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dd_jax import distill, models
from dd_jax.distill import real_data
from dd_jax.distill.parametrisation.allocation import allocated, by_need
from dd_jax.distill.parametrisation.pixels import pixels
from dd_jax.distill.parametrisation.protocol import learner
from dd_jax.types import PIXELS, InputError

LABELS = np.repeat([0, 1, 2], 6)
REAL = real_data(np.arange(18, dtype=np.uint8)[:, None, None, None], LABELS)


def made(allocation, lr=1.0):
    base = pixels(max(allocation), "real", optax.sgd(lr), space=PIXELS)
    return learner(allocated(base, allocation))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.integers(0, 40),
)
def test_images_by_need_are_as_many_and_leave_no_class_empty(errors, more):
    found = by_need(errors, len(errors) + more)
    assert sum(found) == len(errors) + more and min(found) >= 1
    total = sum(errors) or len(errors)
    exact = [1 + more * (e if any(errors) else 1) / total for e in errors]
    assert all(abs(n - x) < 1 for n, x in zip(found, exact))


def test_needs_that_are_no_errors_are_refused():
    with pytest.raises(InputError, match="2 images for 3 classes"):
        by_need([0.1, 0.2, 0.3], 2)
    for wrong in (-0.1, float("nan")):
        with pytest.raises(InputError, match="numbers from 0 up"):
            by_need([0.1, wrong], 5)


def test_a_set_has_each_image_once_and_methods_see_as_many_of_each_class():
    own = made((1, 3, 2))
    state = own.init(jax.random.key(0), REAL)
    seen, stored = own.decode(state.params), np.asarray(state.params["images"])
    assert seen.images.shape[:2] == (3, 3) and seen.labels.shape == (3, 3, 3)
    for c, places in enumerate([[0, 0, 0], [0, 1, 2], [0, 1, 0]]):
        np.testing.assert_array_equal(seen.images[c], stored[c, places])
    found = own.read(state)
    assert found.labels.argmax(-1).tolist() == [0, 1, 1, 1, 2, 2]
    expected = [stored[c, j] for c, n in enumerate((1, 3, 2)) for j in range(n)]
    np.testing.assert_array_equal(found.images, expected)


def test_gradients_of_images_that_take_turns_add_up():
    own = made((1, 3, 2))
    state = own.init(jax.random.key(0), REAL)
    weights = jnp.arange(9.0).reshape(3, 3, 1, 1, 1)
    loss = lambda params: (weights * own.decode(params).images).sum()
    slope = jax.grad(loss)(state.params)["images"][..., 0, 0, 0]
    np.testing.assert_allclose(slope, [[3, 0, 0], [3, 4, 5], [14, 7, 0]])
    after = own.update(state, jax.grad(loss)(state.params))
    change = after.params["images"] - state.params["images"]
    np.testing.assert_allclose(change[..., 0, 0, 0], -slope)


def test_an_equal_allocation_is_the_plain_method():
    model = models.build("mlp", 3, (2, 2, 1), mean=(0.5,), std=(0.25,))
    images = np.random.default_rng(0).integers(0, 256, (18, 2, 2, 1), np.uint8)
    real, sets = real_data(images, LABELS), []
    for allocation in ((), (2, 2, 2)):
        own = distill.build("dm", model, ipc=2, batch_real=4, allocation=allocation)
        state = own.init(jax.random.key(0), real)
        drawn = own.sample(jax.random.key(1), real)
        state, _ = own.update(jax.random.key(2), state, drawn)
        sets.append(own.read(state))
    np.testing.assert_allclose(sets[0].images, sets[1].images, atol=1e-6)
    np.testing.assert_array_equal(sets[0].labels, sets[1].labels)


def test_what_has_no_allocation_is_refused():
    model = models.build("mlp", 3, (2, 2, 1), mean=(0.5,), std=(0.25,))
    with pytest.raises(InputError, match="2 x 2 tiles.*take distill.factor=1"):
        distill.build("idc", model, ipc=1, factor=2, allocation=(1, 1, 1))
    with pytest.raises(InputError, match="distill.allocation has 2 classes.*data 3"):
        made((1, 2)).init(jax.random.key(0), REAL)
