"""CutMix: what a mixed batch is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.data.cutmix import cutmix


def batch(n=6, h=7, w=9):
    images = jnp.broadcast_to(jnp.arange(1.0, n + 1)[:, None, None, None], (n, h, w, 1))
    return images, jnp.eye(n)


@given(st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_labels_are_shares_of_area(seed):
    images, labels = batch()
    mixed, soft = jax.jit(cutmix(1.0))(jax.random.key(seed), images, labels)
    for i, image in enumerate(np.asarray(mixed)[..., 0]):
        for other in range(6):
            share = (image == other + 1).mean()
            np.testing.assert_allclose(soft[i, other], share, atol=1e-6)


def test_the_pasted_part_is_one_rectangle_at_the_same_place_in_all():
    images, labels = batch()
    mixed, _ = cutmix(1.0)(jax.random.key(3), images, labels)
    changed = np.asarray(mixed != images)[..., 0]
    moved = changed[changed.any((1, 2))]
    assert len(moved) and (moved == moved[0]).all()
    rows, columns = moved[0].any(1), moved[0].any(0)
    np.testing.assert_array_equal(moved[0], rows[:, None] & columns)
    assert (np.diff(np.flatnonzero(rows)) == 1).all()


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_the_share_of_mixed_batches(probability):
    images, labels = batch()
    keys = jax.random.split(jax.random.key(0), 400)
    run = jax.jit(jax.vmap(lambda k: cutmix(probability)(k, images, labels)[0]))
    share = np.asarray((run(keys) != images).any((1, 2, 3, 4))).mean()
    assert abs(share - probability * 0.95) <= 0.08 * (probability > 0)
