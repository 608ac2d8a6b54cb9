"""Training on augmented views that have labels of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_training import LINEAR, noisy, problem

from dd_jax.train import trainer
from dd_jax.train.views import augmented, view


def advance(one, state, images, labels, first, last, views=None):
    rows, key = jnp.arange(len(images)), jax.random.key(1)
    given = images, labels, rows, 0.1, 5, first, last
    return one.advance(key, state, *given, views=views)[0]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [2, 8])
def test_epochs_see_the_views_in_turn(batch):
    images, labels = map(jnp.asarray, problem())
    views = np.random.default_rng(1).dirichlet(np.ones(3), (2, 5)).astype(np.float32)
    one = trainer(LINEAR, batch=batch, augment=noisy)
    plain = trainer(LINEAR, batch=batch)
    start = one.init(jax.random.key(0))
    views = jnp.asarray(views)
    got = advance(one, start, images, labels, 0, 5, views)
    state = start
    for epoch in range(5):
        key = jax.random.fold_in(jax.random.key(0), epoch % 2)
        state = advance(
            plain, state, noisy(key, images), views[epoch % 2], epoch, epoch + 1
        )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
        got.params,
        state.params,
    )
    other = advance(one, start, images, labels, 0, 5).params
    assert not np.allclose(other["w"], got.params["w"], atol=1e-3)


def test_a_view_comes_again_after_all_others():
    images, _ = problem()
    views = jnp.arange(30.0).reshape(2, 5, 3)
    first, again = (view(noisy, images, views, epoch) for epoch in (1, 3))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(again[1], views[1])
    np.testing.assert_array_equal(first[0], augmented(noisy, images, 1))
