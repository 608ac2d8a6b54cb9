"""A model's normalisation is given once, and is what images are learned in."""

import jax
import numpy as np
import pytest

from dd_jax.models import MODELS, build
from dd_jax.models.normalisation import standard_space

MEAN, STD = (0.5, 0.1), (0.2, 2.0)


def test_standard_space_is_that_of_mean_and_deviation():
    space = standard_space(MEAN, STD)
    np.testing.assert_allclose(space.leave(np.ones((1, 1, 2)))[0, 0], [0.7, 2.1])
    np.testing.assert_allclose(space.enter(np.ones((1, 1, 2)))[0, 0], [2.5, 0.45])


def test_a_model_carries_what_it_was_given():
    model = build("mlp", 3, (4, 4, 2), mean=MEAN, std=STD)
    assert (model.mean, model.std) == (MEAN, STD)
    np.testing.assert_allclose(model.space.leave(np.ones((1, 1, 2)))[0, 0], [0.7, 2.1])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_weights_and_batch_statistics_are_distinguished(name, norm):
    kw = {} if name in ("mlp", "lenet", "alexnet") else {"norm": norm}
    model = build(name, 3, (16, 16, 1), **kw)
    params = jax.eval_shape(model.init, jax.random.key(0))
    weights = model.trainable(params)
    rest = len(jax.tree.leaves(params)) - len(jax.tree.leaves(weights))
    assert model.has_batch_stats == (rest > 0) == (kw.get("norm") == "batch")
    again = model.with_trainable(params, jax.tree.map(lambda leaf: leaf.size, weights))
    assert jax.tree.structure(again) == jax.tree.structure(params)
    assert all(isinstance(n, int) for n in jax.tree.leaves(model.trainable(again)))
