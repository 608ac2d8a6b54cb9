"""Labels of a teacher against the network that gives them, and the size of a set."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from dd_jax.distill.base import Experts
from dd_jax.distill.set_size import set_bytes
from dd_jax.distill.teacher_labels import teacher, views_within
from dd_jax.models import build
from dd_jax.train.views import augmented
from dd_jax.types import SyntheticSet

MODEL = build("mlp", 3, (4, 4, 1))
NETWORK = Experts((2,), 1, 0.1)


def noisy(key, images):
    return images + 0.1 * jax.random.normal(key, images.shape)


def sets():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(2, 6, 4, 4, 1)).astype(np.float32)
    labels = np.tile(np.repeat(np.eye(3, dtype=np.float32), 2, 0), (2, 1, 1))
    return SyntheticSet(*map(jnp.asarray, (images, labels, np.full(2, 0.01))))


def networks():
    """Two networks, and their weights as experts are stored."""
    found = [MODEL.init(jax.random.key(i)) for i in range(2)]
    flat = [ravel_pytree(MODEL.trainable(params))[0] for params in found]
    weights = jnp.stack(flat).astype(jnp.float16)
    restore = ravel_pytree(found[0])[1]
    return weights, [restore(row.astype(jnp.float32)) for row in weights]


def test_each_set_has_the_labels_of_its_own_network():
    weights, params = networks()
    got = teacher(MODEL, NETWORK, noisy).label(weights, sets())
    for i in range(2):
        expected = jax.nn.softmax(MODEL.apply(params[i], sets().images[i]))
        np.testing.assert_allclose(got.labels[i], expected, atol=1e-6)
    assert got.views is None
    np.testing.assert_array_equal(got.images, sets().images)


def test_views_have_labels_within_the_budget_and_their_mean_is_the_label():
    weights, params = networks()
    budget = 4 * 6 * 3 * 3 + 5  # three views, and a little more
    got = teacher(MODEL, NETWORK, noisy, budget, 9).label(weights, sets())
    assert got.views.shape == (2, 3, 6, 3)
    for v in range(3):
        seen = augmented(noisy, sets().images[1], v)
        expected = jax.nn.softmax(MODEL.apply(params[1], seen))
        np.testing.assert_allclose(got.views[1, v], expected, atol=1e-6)
    np.testing.assert_allclose(got.labels, got.views.mean(1), atol=1e-7)
    assert set_bytes(jax.tree.map(lambda a: a[0], got), 6)["labels"] <= budget


def test_no_more_views_are_labelled_than_epochs_see():
    given = teacher(MODEL, NETWORK, noisy, 10**12, 2)
    assert given.label(networks()[0], sets()).views.shape == (2, 2, 6, 3)


def test_classes_are_those_of_the_images_whatever_the_teacher_says():
    got = teacher(MODEL, NETWORK, noisy).label(networks()[0], sets())
    expected = np.tile(np.repeat(np.arange(3), 2), (2, 1))
    assert (np.asarray(got.labels).argmax(-1) != expected).any()
    np.testing.assert_array_equal(got.image_classes, expected)
    hard = got.with_hard_labels
    np.testing.assert_array_equal(hard.labels, sets().labels)
    assert hard.views is None and hard.classes is None


@pytest.mark.parametrize("budget, views", [(0, 0), (71, 0), (72, 1), (143, 1)])
def test_views_within_a_budget(budget, views):
    assert views_within(budget, 6, 3) == views


def test_bytes_of_a_set_by_hand():
    one = SyntheticSet(*(np.asarray(a[0]) for a in sets()[:3]))
    assert set_bytes(one, 6) == {"images": 96, "labels": 6}
    assert set_bytes(one, 2) == {"images": 32, "labels": 2}  # of tiles
    soft = one._replace(labels=0.7 * one.labels + 0.1)
    assert set_bytes(soft, 2) == {"images": 32, "labels": 72}
    views = soft._replace(views=np.stack([soft.labels] * 5))
    assert set_bytes(views, 6) == {"images": 96, "labels": 360}
