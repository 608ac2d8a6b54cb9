"""Functions that a notebook makes again and again do not pile up."""

import gc
import weakref

import jax
import jax.numpy as jnp
import pytest

from dd_jax import distill
from dd_jax.runtime.reuse import MAX_SIZE
from dd_jax.train.evaluate import logits
from dd_jax.train.training import fit
from dd_jax.types import Model

KEY, IMAGES = jax.random.key(0), jnp.zeros((2, 1, 1, 1))
COUNT = MAX_SIZE + 10


def linear():
    """A network of one weight, made from functions of its own."""
    apply = lambda params, images: images.reshape(len(images), -1) * params["w"]
    features = lambda params, images, train=False: apply(params, images)
    init = lambda key: {"w": jnp.ones(2)}
    return Model(init, apply, features, lambda p, x: (apply(p, x), {}))


def method(augment):
    return distill.build("dm", MODEL, ipc=1, augment=augment)


def matched(augment):
    loss = lambda model, params, real, synthetic: augment(KEY, real.images).sum()
    return distill.matching(loss)(MODEL, ipc=1)


def trained(augment):
    kw = {"epochs": 1, "augment": augment}
    one = lambda key: fit(key, MODEL, IMAGES, jnp.zeros(2, jnp.int32), **kw)
    return jax.eval_shape(one, KEY)


def predicted(augment):
    model = linear()._replace(apply=lambda params, x: augment(KEY, x).reshape(2, 1))
    return jax.eval_shape(lambda images: logits(model, PARAMS, images), IMAGES)


MODEL = linear()
PARAMS = MODEL.init(KEY)


@pytest.mark.parametrize(
    "use", [method, matched, pytest.param(trained, marks=pytest.mark.slow), predicted]
)
def test_functions_of_a_notebook_are_freed(use):
    made = []
    for i in range(COUNT):
        augment = lambda key, images, i=i: images * i
        made.append(weakref.ref(augment))
        use(augment)
    del augment
    gc.collect()
    alive = sum(ref() is not None for ref in made)
    assert alive <= MAX_SIZE
    assert made[0]() is None
